package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/codesign/packaging"
)

const entitlementsLong = `Write the entitlements with which a program reaches the family's keychain access
group, without the comments and variables that signing tools trip over.

Without FILE the list is printed. With FILE it is written there, unless the file
exists: --merge adds to an existing one, --check only says what is wrong with it
(exit code 1).

--for cli is for a bare binary. It can claim nothing of this: macOS kills a bare
binary that does. Wrap it (kinring wrap), or let it ask the broker.`

// entitlementsDocument is kinring.entitlements/1.
type entitlementsDocument struct {
	Schema   string              `json:"schema"`
	File     string              `json:"file,omitempty"`
	Written  bool                `json:"written"`
	Changes  []string            `json:"changes"`
	Problems []packaging.Problem `json:"problems"`
	List     string              `json:"list,omitempty"`
}

// maxEntitlements bounds a list that is read; real ones have some kilobytes.
const maxEntitlements = 1 << 20

// entitlementsFlags are the flags of the verb.
type entitlementsFlags struct {
	id, kind     string
	merge, check bool
}

func (a *app) entitlementsCommand() *cobra.Command {
	f := &entitlementsFlags{}
	cmd := &cobra.Command{
		Use:   "entitlements [FILE]",
		Short: "Write, merge or check an entitlements list",
		Long:  entitlementsLong,
		Example: "  kinring --profile family.toml entitlements --id com.example.app app.entitlements\n" +
			"  kinring --profile family.toml entitlements --id com.example.app --merge build/mac.plist\n" +
			"  kinring --profile family.toml entitlements --id com.example.app --check build/mac.plist",
		Args: f.arguments,
		RunE: func(_ *cobra.Command, args []string) error { return a.entitlements(f, args) },
	}
	cmd.Flags().StringVar(&f.id, "id", "", "bundle identifier of the program")
	cmd.Flags().StringVar(&f.kind, "for", string(packaging.App), "what the program is: app, helper or cli")
	cmd.Flags().BoolVar(&f.merge, "merge", false, "add to the list in FILE")
	cmd.Flags().BoolVar(&f.check, "check", false, "say what is wrong with the list in FILE, and change nothing")
	return cmd
}

func (f *entitlementsFlags) arguments(_ *cobra.Command, args []string) error {
	switch {
	case len(args) > 1:
		return usage(fmt.Sprintf("entitlements takes one FILE, not %d arguments", len(args)))
	case f.merge && f.check:
		return usage("give --merge or --check, not both")
	case (f.merge || f.check) && len(args) == 0:
		return usage("--merge and --check want a FILE")
	case f.id == "" && f.kind != string(packaging.Tool):
		return usage("give the program's bundle identifier with --id")
	}
	return nil
}

// entitlements does what the flags say and prints what that was.
func (a *app) entitlements(f *entitlementsFlags, args []string) error {
	kind, err := packaging.ParseKind(f.kind)
	if err != nil {
		return usage(err.Error())
	}
	p, err := a.profile.load()
	if err != nil {
		return err
	}
	family := packaging.Family{Team: p.Team, Group: p.Group}
	program := packaging.Program{Kind: kind, ID: f.id}
	doc := entitlementsDocument{Schema: "kinring.entitlements/1", Changes: []string{}, Problems: []packaging.Problem{}}
	if len(args) > 0 {
		doc.File = args[0]
	}
	switch {
	case f.check:
		err = checkEntitlements(&doc, family, program)
	case f.merge:
		err = mergeEntitlements(&doc, family, program)
	default:
		err = writeEntitlements(&doc, family, program)
	}
	if err != nil {
		return entitlementsError(doc.File, err)
	}
	a.negative = len(doc.Problems) > 0
	return a.printEntitlements(f, doc)
}

// entitlementsError gives an error its class.
func entitlementsError(file string, err error) error {
	var conflict *packaging.Conflict
	var known *kinring.Error
	class, remedy := kinring.ErrInvalid, "correct the file, the flags or the family's profile"
	switch {
	case errors.As(err, &known):
		return err
	case errors.As(err, &conflict):
		class = kinring.ErrConflict
	case errors.Is(err, fs.ErrExist):
		class, remedy = kinring.ErrConflict, "use --merge to add to it, or name another file"
	}
	return &kinring.Error{Class: class, Op: "entitlements", Store: file, Err: err, Remedy: remedy}
}

func checkEntitlements(doc *entitlementsDocument, family packaging.Family, program packaging.Program) error {
	raw, err := readAtMost(doc.File, maxEntitlements)
	if err != nil {
		return err
	}
	problems, err := family.Check(raw, program)
	doc.Problems = append(doc.Problems, problems...)
	return err
}

func mergeEntitlements(doc *entitlementsDocument, family packaging.Family, program packaging.Program) error {
	raw, err := readAtMost(doc.File, maxEntitlements)
	if err != nil {
		return err
	}
	merged, err := family.Merge(raw, program)
	if err != nil || len(merged.Changes) == 0 {
		return err
	}
	doc.Changes = merged.Changes
	list, err := merged.Entries.XML()
	if err != nil {
		return err
	}
	doc.Written, doc.List = true, string(list)
	return replaceFile(doc.File, list)
}

func writeEntitlements(doc *entitlementsDocument, family packaging.Family, program packaging.Program) error {
	entries, err := family.Entitlements(program)
	if err != nil {
		return err
	}
	list, err := entries.XML()
	if err != nil {
		return err
	}
	doc.List = string(list)
	if doc.File == "" {
		return nil
	}
	doc.Written = true
	return createFile(doc.File, list, 0o644)
}

// createFile writes a file that must not exist.
func createFile(name string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// replaceFile exchanges a file's content at once, so that a build that reads it
// meanwhile sees the old list or the new one. The file keeps its mode.
func replaceFile(name string, data []byte) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".entitlements-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Close(), os.Chmod(f.Name(), info.Mode().Perm()))
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func (a *app) printEntitlements(f *entitlementsFlags, doc entitlementsDocument) error {
	if a.json {
		return a.printJSON(doc)
	}
	if doc.File == "" {
		_, err := fmt.Fprint(a.out, doc.List)
		return err
	}
	for _, p := range doc.Problems {
		fmt.Fprintf(a.out, "%s: %s\n  remedy: %s\n", orWhole(p.Key), p.Seen, p.Remedy)
	}
	for _, c := range doc.Changes {
		fmt.Fprintln(a.out, c)
	}
	if len(doc.Problems)+len(doc.Changes) == 0 && (f.check || f.merge) {
		fmt.Fprintln(a.out, "nothing to correct")
	}
	return nil
}

func orWhole(key string) string {
	if key == "" {
		return "the list"
	}
	return key
}
