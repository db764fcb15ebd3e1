// Package seclude runs a test in a network namespace in which there is loopback
// and nothing else, so that a program under test cannot reach the network
// whatever it tries. It is for Linux; on other systems it is empty.
package seclude
