package authjson

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/kinring/kinring/internal/durable"
	"github.com/kinring/kinring/internal/jsontext"
	"github.com/kinring/kinring/internal/settled"
	"github.com/kinring/kinring/internal/source"
	"github.com/kinring/kinring/store"
)

// homeVariable is the profile's variable that holds Codex's folder, which Codex
// itself takes from CODEX_HOME.
const homeVariable = "home"

// fileMode is the mode that Codex gives its files of secrets.
const fileMode = 0o600

// file is one of Codex's files of secrets, as both layouts use it.
type file struct {
	source.Door
	home  string
	path  string
	limit int64 // bytes
}

// content is what a file held at one moment.
type content struct {
	data  []byte
	stamp durable.Stamp
}

// newFile resolves where the file is. base is its name in Codex's folder.
func newFile(config store.SourceConfig, base string, limit int64) (*file, error) {
	f := &file{Door: source.Door{Name: config.Name}, home: config.Vars[homeVariable], path: config.Path, limit: limit}
	if f.path == "" && f.home != "" {
		f.path = filepath.Join(f.home, base)
	}
	if f.home == "" {
		f.home = filepath.Dir(f.path)
	}
	if !filepath.IsAbs(f.path) || !filepath.IsAbs(f.home) {
		return nil, &store.Error{Class: store.ErrInvalid, Op: "open", Store: config.Name,
			Detail: fmt.Sprintf("it is not said where %s is", base),
			Remedy: "give the profile an absolute path for the source, or an absolute variable " + homeVariable}
	}
	return f, nil
}

// read returns the file's content once it is settled and one JSON object. The
// mode is not judged: an older Codex leaves a wider one as it found it.
func (f *file) read(ctx context.Context) (content, error) {
	s := settled.File{Path: f.path, Limits: durable.Limits{MaxSize: f.limit}, Whole: jsontext.CheckObject}
	data, stamp, err := s.Read(ctx)
	return content{data, stamp}, err
}

// Stamp tells cheaply, without reading the file, whether it changed: it is
// another text after every write. A file that is not there has a stamp too. The
// stamp is the whole file's, whatever the key.
func (f *file) Stamp(ctx context.Context, key store.Key) (string, error) {
	if err := f.Enter(ctx, key); err != nil {
		return "", f.At(err, "stamp", key)
	}
	s, err := durable.StampOf(f.path)
	if errors.Is(err, store.ErrNotFound) {
		return "absent", nil
	}
	if err != nil {
		return "", f.At(err, "stamp", key)
	}
	return stampText(s), nil
}

// revision names one write of the whole file by what the file system says of it.
// It is no digest of the secret, and every process finds the same one.
func revision(s durable.Stamp) store.Revision {
	sum := sha256.Sum256([]byte(stampText(s)))
	return store.Revision(base64.RawURLEncoding.EncodeToString(sum[:16]))
}

func stampText(s durable.Stamp) string {
	return fmt.Sprintf("%x-%x-%x-%x", s.Device, s.File, s.Size, s.Modified)
}

// write replaces the file, or makes it if it must be absent. It returns the
// stamp of what it wrote.
func (f *file) write(ctx context.Context, data []byte, mustBeAbsent bool) (durable.Stamp, error) {
	if int64(len(data)) > f.limit {
		return durable.Stamp{}, &store.Error{Class: store.ErrTooLarge,
			Detail: fmt.Sprintf("%s would grow over %d bytes", f.path, f.limit), Remedy: "delete what is not needed there"}
	}
	if mustBeAbsent {
		return durable.Create(ctx, f.path, data, fileMode)
	}
	if err := f.checkWritable(); err != nil {
		return durable.Stamp{}, err
	}
	return durable.Replace(ctx, f.path, data, fileMode)
}

// checkWritable honours a file that its owner made read-only, which replacing
// it would not: Codex 0.169.0 tries to open it for writing before it replaces.
func (f *file) checkWritable() error {
	info, err := durable.Check(f.path, durable.Limits{})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err == nil && info.Mode().Perm()&0o200 == 0 {
		err = &store.Error{Class: store.ErrDenied, Store: f.path, Detail: "the file is read-only", Remedy: "make it writable"}
	}
	return err
}

// checkItem refuses what Codex's files cannot hold: kinring's records, and
// values that are no JSON object of their own.
func checkItem(item store.Item, caps store.Capabilities) error {
	if err := source.CheckItem(item, caps); err != nil {
		return err
	}
	var err error
	item.Value.View(func(b []byte) { err = jsontext.CheckObject(b) })
	if err != nil {
		return &store.Error{Class: store.ErrInvalid, Detail: "Codex could not read the value: " + err.Error(),
			Remedy: "give a JSON object"}
	}
	return nil
}
