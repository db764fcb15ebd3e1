//go:build !unix

package authjson_test

func inodeOf(string) (string, bool) { return "", false }
