-- `luacheck .` in this folder.
std = "max+busted"
max_line_length = 130
files["spec"] = {
    -- Globals of the workers' states, which `init` makes.
    globals = { "answer", "kept", "wait" },
    -- A loop over requests is left after the first.
    ignore = { "512" },
}
