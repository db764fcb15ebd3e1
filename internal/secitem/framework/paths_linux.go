package framework

import "os"

// paths are the libraries to open: there are none on Linux but those that tests
// make.
func paths() libraries {
	security := os.Getenv("KINRING_SECURITY_LIBRARY")
	return libraries{core: os.Getenv("KINRING_COREFOUNDATION_LIBRARY"), security: security, system: security}
}
