package vault

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kinring/kinring/internal/durable"
	"github.com/kinring/kinring/store"
)

// KeySource gives a secret that opens a vault. Sources are tried by their
// strength, not in the order in which they are listed: key files, passphrase
// files, then whoever can be asked.
type KeySource struct {
	kind string
	rank int
	name string
	read func(ctx context.Context) ([]byte, error)
}

// String names the source as errors do; it holds nothing secret.
func (k KeySource) String() string { return k.name }

// The order in which sources are tried.
const (
	rankKeyFile = iota
	rankPassphraseFile
	rankPassphrase
)

// Sizes of what sources may give.
const (
	maxKeyFile    = 1 << 10 // a key file has one line
	maxPassphrase = 4 << 10 // nobody types more
)

// KeyFile is a file that GenerateKeyFile wrote. It may be a named pipe, or
// /dev/fd/N; a regular file must belong to the user and have mode 0600 or less.
func KeyFile(path string) KeySource {
	return KeySource{kind: kindKeyFile, rank: rankKeyFile, name: "key file " + path,
		read: func(ctx context.Context) ([]byte, error) {
			text, err := readSecret(ctx, path, maxKeyFile)
			if err != nil {
				return nil, err
			}
			defer clear(text)
			return parseKeyFile(path, text)
		}}
}

// PassphraseFile is a file that holds a passphrase. One LF or CRLF at its end
// is not part of it. What KeyFile says of pipes and modes holds here too.
func PassphraseFile(path string) KeySource {
	return KeySource{kind: kindPassphrase, rank: rankPassphraseFile, name: "passphrase file " + path,
		read: func(ctx context.Context) ([]byte, error) {
			text, err := readSecret(ctx, path, maxPassphrase)
			if err != nil {
				return nil, err
			}
			return checkPassphrase(trimLine(text), "passphrase file "+path)
		}}
}

// Passphrase asks for a passphrase, and does so only if no other source opens
// the vault. What ask returns is overwritten after use.
func Passphrase(ask func(ctx context.Context) ([]byte, error)) KeySource {
	const name = "passphrase"
	return KeySource{kind: kindPassphrase, rank: rankPassphrase, name: name,
		read: func(ctx context.Context) ([]byte, error) {
			text, err := ask(ctx)
			if err != nil {
				return nil, err
			}
			return checkPassphrase(text, name)
		}}
}

func checkPassphrase(text []byte, name string) ([]byte, error) {
	if len(text) == 0 || len(text) > maxPassphrase {
		return nil, &store.Error{Class: store.ErrInvalid,
			Detail: fmt.Sprintf("the %s gives %d bytes", name, len(text)),
			Remedy: fmt.Sprintf("use a passphrase of 1 to %d bytes", maxPassphrase)}
	}
	return text, nil
}

func trimLine(text []byte) []byte {
	if line, ok := bytes.CutSuffix(text, []byte("\n")); ok {
		return bytes.TrimSuffix(line, []byte("\r"))
	}
	return text
}

func readSecret(ctx context.Context, path string, limit int64) ([]byte, error) {
	text, _, err := durable.ReadFile(ctx, path, durable.Limits{MaxSize: limit, Private: true, Pipes: true})
	if errors.Is(err, store.ErrNotFound) {
		return nil, &store.Error{Class: store.ErrLocked, Store: path, Detail: "there is no such file", Remedy: unlocking}
	}
	return text, err
}

// keyFilePrefix begins every key file, so that people and scanners for leaked
// secrets recognise one.
const keyFilePrefix = "kinring-vault-key-1:"

// GenerateKeyFile makes a new key and writes it to a file that must not be
// there yet, readable by the user alone.
func GenerateKeyFile(ctx context.Context, path string) error {
	key := randomBytes(keySize)
	text := []byte(keyFilePrefix + base64.RawURLEncoding.EncodeToString(key) + "\n")
	defer clear(key)
	defer clear(text)
	return store.At(durable.CreateFile(ctx, path, text, 0o600), "init", "vault", store.Key{})
}

func parseKeyFile(path string, text []byte) ([]byte, error) {
	encoded, ok := bytes.CutPrefix(trimLine(text), []byte(keyFilePrefix))
	if !ok {
		return nil, badKeyFile(path, "it does not begin with "+keyFilePrefix)
	}
	if bytes.ContainsAny(encoded, "\r\n") { // the decoder would skip them
		return nil, badKeyFile(path, "it has more than one line")
	}
	key := make([]byte, base64.RawURLEncoding.DecodedLen(len(encoded)))
	n, err := base64.RawURLEncoding.Strict().Decode(key, encoded)
	if err != nil || n != keySize {
		clear(key)
		return nil, badKeyFile(path, "its key is cut off or changed")
	}
	return key, nil
}

func badKeyFile(path, detail string) error {
	return &store.Error{Class: store.ErrDenied, Store: path, Detail: "it is not a key file: " + detail,
		Remedy: "name the file that was made for this vault"}
}

// unlocking is the remedy where a key is needed and none was given.
const unlocking = "give the vault's key file or passphrase file"

// unlock tries every source on every slot of its kind, and returns the vault
// key of the first that fits.
func unlock(ctx context.Context, h header, sources []KeySource) ([]byte, error) {
	t := trial{header: h}
	for _, source := range ranked(sources) {
		key, err := t.try(ctx, source)
		if key != nil || err != nil {
			return key, err
		}
	}
	return nil, t.failed()
}

func ranked(sources []KeySource) []KeySource {
	out := slices.Clone(sources)
	slices.SortStableFunc(out, func(a, b KeySource) int { return a.rank - b.rank })
	return out
}

// trial keeps what was tried, for the error at the end.
type trial struct {
	header header
	tried  []string // sources that opened no slot
	absent error    // the last source that had nothing to give
}

// try returns the vault key if the source gives it, neither key nor error if
// the next source is to be tried.
func (t *trial) try(ctx context.Context, source KeySource) ([]byte, error) {
	slots := t.slotsFor(source)
	if len(slots) == 0 {
		return nil, nil
	}
	secret, err := source.read(ctx)
	if errors.Is(err, store.ErrLocked) {
		t.absent = err
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	for _, s := range slots {
		key, err := s.open(ctx, t.header, secret)
		if !errors.Is(err, errAuthentic) {
			return key, err
		}
	}
	t.tried = append(t.tried, source.name)
	return nil, nil
}

func (t *trial) slotsFor(source KeySource) []slot {
	var out []slot
	for _, s := range t.header.Slots {
		if s.known() && s.Kind == source.kind {
			out = append(out, s)
		}
	}
	return out
}

func (t *trial) failed() error {
	switch {
	case len(t.tried) > 0:
		return &store.Error{Class: store.ErrDenied, Detail: "wrong key: the vault is not opened by " + strings.Join(t.tried, " or "),
			Remedy: "give the key or passphrase that the vault was made with"}
	case t.absent != nil:
		return t.absent
	case !slices.ContainsFunc(t.header.Slots, slot.known):
		return unsupported("no key slot of the vault is of a kind that this build knows")
	}
	return &store.Error{Class: store.ErrLocked, Detail: "the vault is opened by: " + strings.Join(t.kinds(), ", "), Remedy: unlocking}
}

func (t *trial) kinds() []string {
	var out []string
	for _, s := range t.header.Slots {
		if s.known() && !slices.Contains(out, s.Kind) {
			out = append(out, s.Kind)
		}
	}
	return out
}
