// Package preflight judges built macOS code before it ships: whether the
// system will refuse to start it, and why.
//
// The usual checks (codesign --verify, spctl, notarization, stapling) say
// nothing about the one question that has stopped many releases: whether a
// provisioning profile covers what an executable claims. This package answers
// it, and the questions around it, from the artefact alone and on any system.
//
// Everything here is pure. It looks at what the readers of package codesign and
// its sub-packages found, and returns a Report: findings with stable ids, a
// table of executables, and what was not checked. A report without findings
// claims no more than its list of checks; only a launch on a Mac that no
// management profile loosens shows that a program starts.
//
// Rule ids look like KR201-restricted-on-bare-binary. The number never changes
// its meaning and is never used again; the words after it may be improved, and
// every place that takes an id takes the number alone.
package preflight
