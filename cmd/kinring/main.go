// Command kinring puts a family's secrets, and the release check, in a person's
// hands. `kinring help` lists the verbs.
package main

import (
	"os"
)

func main() {
	os.Exit(run(os.Args[1:], systemConsole()))
}
