// Package unprivileged runs the part of a test that is about permissions as a
// user who has to obey them: root may open everything. It is for Unix; on other
// systems it is empty.
package unprivileged
