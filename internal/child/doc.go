// Package child starts programs for tests that do not outlive the test program,
// however that ends. Only Linux has that; elsewhere a program that is killed
// leaves its children behind.
package child
