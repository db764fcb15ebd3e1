//go:build unix

package vault

// modesCount reports whether modes say who may write to a file.
const modesCount = true
