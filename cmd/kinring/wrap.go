package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/codesign"
	"github.com/kinring/kinring/codesign/bundle"
	"github.com/kinring/kinring/codesign/packaging"
	"github.com/kinring/kinring/codesign/preflight"
	"github.com/kinring/kinring/codesign/profile"
)

const wrapLong = `Build a helper app around a bare macOS binary. A bare binary has no place for a
provisioning profile, so macOS kills it when it claims the family's keychain
access group; inside an app it may.

Written into the output directory: NAME.app, its entitlements, a launcher NAME
that starts the program where it lies, and sign-NAME.sh, which signs it on a Mac
from the inside out. The app needs an App ID and a Developer ID provisioning
profile of its own; --provisioning-profile puts that in.

The app is then judged as preflight does, and what signing will not resolve is
told.`

// wrapDocument is kinring.wrap/1.
type wrapDocument struct {
	Schema    string              `json:"schema"`
	App       string              `json:"app"`
	Files     []string            `json:"files"`
	Commands  []string            `json:"commands"`
	Profile   bool                `json:"profile"`
	Resolved  []preflight.Finding `json:"resolved_by_signing"`
	Remaining []preflight.Finding `json:"remaining"`
}

// wrapFlags are the flags of the verb.
type wrapFlags struct {
	id, name, output, version string
	profile                   string
	libraries                 []string
}

func (a *app) wrapCommand() *cobra.Command {
	f := &wrapFlags{}
	cmd := &cobra.Command{
		Use:   "wrap BINARY",
		Short: "Build a helper app around a bare binary",
		Long:  wrapLong,
		Example: "  kinring --profile family.toml wrap --id com.example.tool --output dist build/tool\n" +
			"  IDENTITY='Developer ID Application: Example (TEAM)' NOTARY_PROFILE=notary dist/sign-tool.sh",
		Args: f.arguments,
		RunE: func(_ *cobra.Command, args []string) error { return a.wrap(f, args[0]) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.id, "id", "", "bundle identifier of the app")
	flags.StringVar(&f.name, "name", "", "name of app and launcher (default: that of the binary)")
	flags.StringVar(&f.output, "output", ".", "directory to write to")
	flags.StringVar(&f.version, "app-version", "", "version of the app (default 1.0)")
	flags.StringVar(&f.profile, "provisioning-profile", "", "profile to embed")
	flags.StringArrayVar(&f.libraries, "library", nil, "library to put into Contents/Frameworks; may be given several times")
	return cmd
}

func (f *wrapFlags) arguments(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage(fmt.Sprintf("wrap takes one BINARY, not %d arguments", len(args)))
	}
	if f.id == "" {
		return usage("give the app's bundle identifier with --id")
	}
	return nil
}

// wrap builds the app, judges it and prints both.
func (a *app) wrap(f *wrapFlags, binary string) error {
	p, err := a.profile.load()
	if err != nil {
		return err
	}
	w, err := f.describe(binary, packaging.Family{Team: p.Team, Group: p.Group})
	if err != nil {
		return wrapError(binary, err)
	}
	files, err := w.Files()
	if err != nil {
		return wrapError(binary, err)
	}
	doc := wrapDocument{
		Schema: "kinring.wrap/1", App: filepath.Join(f.output, w.Name+".app"), Commands: w.Commands(), Profile: w.Profile != nil,
		Resolved: []preflight.Finding{}, Remaining: []preflight.Finding{},
	}
	if err := writeWrapped(f.output, files, &doc); err != nil {
		return wrapError(doc.App, err)
	}
	if err := doc.judge(w); err != nil {
		return err
	}
	a.negative = len(doc.Remaining) > 0
	return a.printWrapped(w, doc)
}

// wrapError gives an error its class.
func wrapError(name string, err error) error {
	class, remedy := kinring.ErrInvalid, "name a macOS program, and a family with team and group"
	if errors.Is(err, fs.ErrExist) {
		class, remedy = kinring.ErrConflict, "remove the old one, or name another directory with --output"
	}
	return &kinring.Error{Class: class, Op: "wrap", Store: name, Err: err, Remedy: remedy}
}

// describe reads the binary's headers and the profile.
func (f *wrapFlags) describe(binary string, family packaging.Family) (*packaging.Wrap, error) {
	w := &packaging.Wrap{Family: family, Name: f.name, ID: f.id, Version: f.version, Binary: binary, Libraries: f.libraries}
	if w.Name == "" {
		w.Name = filepath.Base(binary)
	}
	var err error
	if w.Program, err = readProgram(binary); err != nil {
		return nil, err
	}
	for _, library := range f.libraries {
		if _, err := readProgram(library); err != nil {
			return nil, fmt.Errorf("library %s: %w", library, err)
		}
	}
	if f.profile == "" {
		return w, nil
	}
	if w.Profile, err = readAtMost(f.profile, profile.MaxSize); err != nil {
		return nil, err
	}
	if _, err := profile.Read(w.Profile, nil); err != nil {
		return nil, fmt.Errorf("provisioning profile %s: %w", f.profile, err)
	}
	return w, nil
}

// readAtMost reads a file that must not have more bytes than limit.
func readAtMost(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(raw)) > limit {
		err = fmt.Errorf("%s has more than %d bytes", name, limit)
	}
	return raw, err
}

func readProgram(name string) (*codesign.File, error) {
	info, err := ordinary(name)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return codesign.Read(f, info.Size(), codesign.Options{})
}

// writeWrapped writes the files. Nothing is overwritten.
func writeWrapped(output string, files []packaging.File, doc *wrapDocument) error {
	for _, file := range files {
		at := filepath.Join(output, filepath.FromSlash(file.Path))
		if _, err := os.Lstat(at); err == nil {
			return &fs.PathError{Op: "write", Path: at, Err: fs.ErrExist}
		}
	}
	for _, file := range files {
		at := filepath.Join(output, filepath.FromSlash(file.Path))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			return err
		}
		if err := writeOne(at, file); err != nil {
			return err
		}
		doc.Files = append(doc.Files, at)
	}
	return nil
}

func writeOne(at string, file packaging.File) error {
	if file.Source == "" {
		return createFile(at, file.Data, file.Mode)
	}
	from, err := os.Open(file.Source)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(at, os.O_WRONLY|os.O_CREATE|os.O_EXCL, file.Mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}

// judge runs preflight on the app and tells what signing resolves from what it
// does not.
func (doc *wrapDocument) judge(w *packaging.Wrap) error {
	dir, name := filepath.Split(doc.App)
	in, err := preflight.Load(doc.App, os.DirFS(filepath.Clean(dir)), name, bundle.Options{}, false)
	if err != nil {
		return unreadable(doc.App, err)
	}
	report := preflight.Check([]preflight.Input{in}, preflight.Options{Now: time.Now(), Team: w.Family.Team, Group: w.Family.Group})
	for _, found := range report.Findings {
		if packaging.ResolvedBySigning(found.Rule) {
			doc.Resolved = append(doc.Resolved, found)
		} else {
			doc.Remaining = append(doc.Remaining, found)
		}
	}
	return nil
}

func (a *app) printWrapped(w *packaging.Wrap, doc wrapDocument) error {
	if a.json {
		return a.printJSON(doc)
	}
	var b strings.Builder
	for _, name := range doc.Files {
		fmt.Fprintf(&b, "wrote %s\n", name)
	}
	if !doc.Profile {
		fmt.Fprintf(&b, "\nmissing: %s, a Developer ID provisioning profile for the App ID %s.%s\n",
			filepath.Join(doc.App, "Contents", "embedded.provisionprofile"), w.Family.Team, w.ID)
	}
	b.WriteString("\nsign it on a Mac, in this order (sign-" + w.Name + ".sh does):\n")
	for _, c := range doc.Commands {
		b.WriteString("  " + c + "\n")
	}
	printFindings(&b, "\npreflight finds only what signing resolves:\n", "\npreflight also finds what signing resolves:\n", doc)
	_, err := io.WriteString(a.out, b.String())
	return err
}

// printFindings prints what preflight found, what signing leaves first.
func printFindings(b *strings.Builder, only, also string, doc wrapDocument) {
	title := only
	if len(doc.Remaining) > 0 {
		title = also
		b.WriteString("\npreflight finds what signing does not resolve:\n")
		for _, f := range doc.Remaining {
			fmt.Fprintf(b, "  %s %s %s: %s\n", f.Level, f.Rule, f.Path, f.Seen)
		}
	}
	if len(doc.Resolved) == 0 {
		return
	}
	b.WriteString(title)
	for _, f := range doc.Resolved {
		fmt.Fprintf(b, "  %s %s %s: %s\n", f.Level, f.Rule, f.Path, f.Seen)
	}
}
