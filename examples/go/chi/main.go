// chi serves an application that was written for chi and net/http: chi [ADDRESS]. Debian's package
// golang-github-go-chi-chi-dev is needed.
package main

import "examples/run"

func main() { run.Main(application(), nil) }
