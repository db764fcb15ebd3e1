package main

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/kinring/kinring/codesign/archive"
	"github.com/kinring/kinring/codesign/bundle"
	"github.com/kinring/kinring/codesign/preflight"
)

// judge loads every path and judges them together.
func (a *app) judge(f *preflightFlags, paths []string, options preflight.Options) (*preflight.Report, error) {
	var inputs []preflight.Input
	for _, p := range paths {
		in, err := a.loadArtefact(p, f.verifyPages)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, in)
	}
	if f.against != "" {
		installed, err := a.loadArtefact(f.against, false)
		if err != nil {
			return nil, err
		}
		options.Against = &installed
	}
	return preflight.Check(inputs, options), nil
}

// loadArtefact opens what a path names. The roots are Apple's: there is no way
// to name others.
func (a *app) loadArtefact(name string, whole bool) (preflight.Input, error) {
	in, err := a.openArtefact(name, whole)
	if err != nil {
		return in, unreadable(name, err)
	}
	return in, nil
}

func (a *app) openArtefact(name string, whole bool) (preflight.Input, error) {
	full, err := filepath.Abs(name)
	if err != nil {
		return preflight.Input{}, err
	}
	isBundle := func(dir string) bool { return bundle.Is(os.DirFS(filepath.FromSlash(dir))) }
	if outer, _, inside := bundle.Around(filepath.ToSlash(full), isBundle); inside {
		full = filepath.FromSlash(outer)
		a.notice("%s lies in %s, which is judged as a whole", name, filepath.Base(full))
	}
	info, err := ordinary(full)
	if err != nil {
		return preflight.Input{}, err
	}
	if info.IsDir() {
		return preflight.Load(name, os.DirFS(filepath.Dir(full)), filepath.Base(full), bundle.Options{}, whole)
	}
	return openFile(name, full, info, whole)
}

// ordinary refuses pipes and devices: opening one may never return.
func ordinary(name string) (fs.FileInfo, error) {
	info, err := os.Stat(name)
	if err == nil && !info.IsDir() && !info.Mode().IsRegular() {
		err = errors.New("it is a pipe or a device; save its content as a file")
	}
	return info, err
}

// openFile opens an archive or a bare binary.
func openFile(name, full string, info fs.FileInfo, whole bool) (preflight.Input, error) {
	f, err := os.Open(full)
	if err != nil {
		return preflight.Input{}, err
	}
	defer f.Close()
	fsys, _, err := archive.Open(filepath.Base(full), f, info.Size())
	if err != nil {
		return preflight.Input{}, err
	}
	return preflight.Load(name, fsys, ".", bundle.Options{}, whole)
}

// judgePlans judges each plan and puts the reports together.
func judgePlans(f *preflightFlags, paths []string, options preflight.Options) (*preflight.Report, error) {
	var all *preflight.Report
	for _, p := range paths {
		full, err := filepath.Abs(p)
		if err != nil {
			return nil, unreadable(p, err)
		}
		plan, err := preflight.ReadPlan(os.DirFS(filepath.Dir(full)), path.Base(filepath.ToSlash(full)))
		if err != nil {
			return nil, unreadablePlan(p, err)
		}
		if f.certificate != "" {
			if plan.Certificate, err = preflight.ParseFingerprint(f.certificate); err != nil {
				return nil, usage(err.Error())
			}
		}
		all = preflight.Join(all, preflight.CheckPlan(plan, options, nil))
	}
	return all, nil
}
