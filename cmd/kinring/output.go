package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/store"
)

// Messages to a person go to standard error with the prefix "kinring: ", in
// lower case and without a full stop; a remedy follows as "kinring: hint: ".

// printJSON prints the one document of a run.
func (a *app) printJSON(doc any) error {
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}

// printLine prints a document in one line, for verbs that print several.
func (a *app) printLine(doc any) error {
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(doc)
}

// errorDocument is kinring.error/1.
type errorDocument struct {
	Schema string      `json:"schema"`
	Error  errorFields `json:"error"`
}

type errorFields struct {
	Class   string   `json:"class"`
	Message string   `json:"message"`
	Op      string   `json:"op,omitempty"`
	Store   string   `json:"store,omitempty"`
	Source  string   `json:"source,omitempty"`
	Native  string   `json:"native,omitempty"`
	Remedy  string   `json:"remedy,omitempty"`
	Done    []string `json:"done,omitempty"`
	Missing []string `json:"missing,omitempty"`
}

// fieldsOf describes an error as JSON documents do.
func fieldsOf(err error) errorFields {
	f := errorFields{Class: "internal", Message: err.Error()}
	var failed *commandError
	switch {
	case isUsage(err):
		f.Class, f.Remedy = "usage", "see kinring help"
	case errors.As(err, &failed):
		f.Class = "command-failed"
	}
	var e *kinring.Error
	if !errors.As(err, &e) {
		return f
	}
	f.Message, f.Remedy = e.Message(), e.Advice()
	f.Op, f.Store, f.Native, f.Done, f.Missing = e.Op, e.Store, e.Native, e.Done, e.Missing
	if c := store.ClassOf(err); c != nil {
		f.Class = c.Name()
	}
	return f
}

func (a *app) printError(err error) {
	f := fieldsOf(err)
	if slices.Contains(a.sources, f.Store) {
		f.Source = f.Store
	}
	if a.json {
		if err := a.printJSON(errorDocument{"kinring.error/1", f}); err == nil {
			return
		}
	}
	fmt.Fprintln(a.err, "kinring: "+oneLine(f.Message))
	if f.Remedy != "" {
		fmt.Fprintln(a.err, "kinring: hint: "+oneLine(f.Remedy))
	}
}

// oneLine keeps a message from breaking the line it is printed in.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// notice tells a person something that did not fail the run.
func (a *app) notice(format string, args ...any) {
	fmt.Fprintf(a.err, "kinring: note: "+format+"\n", args...)
}
