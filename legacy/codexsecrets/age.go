package codexsecrets

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"

	"filippo.io/age"

	"github.com/kinring/kinring/store"

	"github.com/kinring/kinring/internal/lazyregexp"
)

const (
	// maxWork bounds what a file may ask for: 2^22 blocks of 1 KiB, 4 GiB. Codex
	// 0.169.0 chooses 19 or 20 on current machines, by measuring.
	maxWork = 22
	// newWork is what a new file asks for: age's own choice.
	newWork = 18
	// fileLimit bounds a file, which holds a login or an entry a server.
	fileLimit = 16 << 20
	// version is that of the object. 0 was written by the first builds and means
	// the same.
	version = 1
)

// workForm finds the work factor in a file's header.
var workForm = lazyregexp.New(`^age-encryption\.org/v1\n-> scrypt [A-Za-z0-9+/]{22} ([1-9][0-9]?)\n`)

// work returns the work factor that a file asks for.
func work(file []byte) (int, error) {
	m := workForm().FindSubmatch(file)
	if m == nil {
		return 0, damaged("it is not encrypted to a passphrase")
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil || n > maxWork {
		return 0, &store.Error{Class: store.ErrTooLarge, Detail: "opening it would take more memory than Codex ever asks for",
			Remedy: "sign in again with Codex"}
	}
	return n, nil
}

func damaged(what string) error {
	return &store.Error{Class: store.ErrCorrupt, Detail: what, Remedy: "sign in again with Codex"}
}

// entries are the secrets of a file by their names.
type entries map[string]string

// document is what a file holds.
type document struct {
	Version int     `json:"version"`
	Secrets entries `json:"secrets"`
}

// open decrypts a file. It takes long; see patiently.
func open(file []byte, passphrase string) (entries, error) {
	if _, err := work(file); err != nil {
		return nil, err
	}
	identity, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, noKey(err)
	}
	identity.SetMaxWorkFactor(maxWork)
	r, err := age.Decrypt(bytes.NewReader(file), identity)
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return nil, noKey(err)
	}
	if err != nil {
		return nil, damaged("it is damaged")
	}
	text, err := io.ReadAll(r)
	defer clear(text)
	if err != nil {
		return nil, damaged("it is damaged")
	}
	return parse(text)
}

// noKey says that the passphrase in the keyring is not the file's.
func noKey(err error) error {
	return &store.Error{Class: store.ErrLocked, Detail: "the passphrase in the keyring does not open it", Err: err,
		Remedy: "sign in again with Codex; what was kept is lost without its passphrase"}
}

func parse(text []byte) (entries, error) {
	var d document
	if json.Unmarshal(text, &d) != nil || d.Secrets == nil {
		return nil, damaged("it holds something else than Codex's secrets")
	}
	if d.Version < 0 || d.Version > version {
		return nil, &store.Error{Class: store.ErrUnsupported, Detail: "a newer Codex wrote it", Remedy: "update this program"}
	}
	return d.Secrets, nil
}

// seal encrypts secrets for a passphrase. It takes long; see patiently.
func seal(e entries, passphrase string, work int) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(document{version, e}); err != nil {
		return nil, err
	}
	defer clear(text.Bytes())
	recipient, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, noKey(err)
	}
	recipient.SetWorkFactor(work)
	var file bytes.Buffer
	w, err := age.Encrypt(&file, recipient)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(bytes.TrimSuffix(text.Bytes(), []byte("\n"))); err != nil {
		return nil, err
	}
	err = w.Close() // which writes the last part
	return file.Bytes(), err
}

// turn is whose computation it is. A program that asks again and again, with too
// little time, would otherwise fill the memory with what it has given up.
var turn = make(chan struct{}, 1)

// patiently waits for a computation that cannot be called off, as long as the
// context lives. There is one at a time.
func patiently[T any](ctx context.Context, compute func() (T, error)) (value T, err error) {
	done := make(chan func() (T, error), 1)
	go func() {
		select {
		case turn <- struct{}{}:
		case <-ctx.Done():
			return
		}
		value, err := compute()
		<-turn
		done <- func() (T, error) { return value, err }
	}()
	select {
	case result := <-done:
		return result()
	case <-ctx.Done():
		return value, tooSlow(ctx)
	}
}

func tooSlow(ctx context.Context) error {
	err := store.FromContext(ctx)
	var e *store.Error
	if errors.As(err, &e) && e.Class == store.ErrTimedOut {
		e.Detail, e.Remedy = "opening Codex's encrypted file takes longer", "allow it some ten seconds (--timeout 10s)"
	}
	return err
}
