module bench

go 1.19

require wsgiserver v0.0.0

replace wsgiserver => ../../bindings/go
