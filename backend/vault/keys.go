package vault

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kinring/kinring/internal/durable"
	"github.com/kinring/kinring/store"
)

// KeySource gives a secret that opens a vault. Sources are tried by their kind,
// not in the order in which they are listed: a key that Unlock left with the
// kernel, keys in other stores, key files, passphrase files, then whoever can be
// asked.
type KeySource struct {
	kind string
	rank int
	name string
	// read returns the secret for the vault of that id. ErrLocked says that there
	// is nothing to give, and the next source is tried.
	read func(ctx context.Context, vaultID []byte) ([]byte, error)
	// prepare makes the secret where a slot is being made for it, or is nil.
	prepare func(ctx context.Context, vaultID []byte) error
}

// String names the source as errors do; it holds nothing secret.
func (k KeySource) String() string { return k.name }

// The order in which sources are tried.
const (
	rankHeld = iota
	rankKeyring
	rankKeyFile
	rankPassphraseFile
	rankPassphrase
)

// fresh returns the secret of a source for a new slot, which it makes if it is
// the source's own affair to have one.
func (k KeySource) fresh(ctx context.Context, vaultID []byte) ([]byte, error) {
	if k.kind == kindHeld {
		return nil, &store.Error{Class: store.ErrInvalid, Detail: k.name + " makes no key slot", Remedy: unlocking}
	}
	if k.prepare != nil {
		if err := k.prepare(ctx, vaultID); err != nil {
			return nil, err
		}
	}
	return k.read(ctx, vaultID)
}

// Sizes of what sources may give.
const (
	maxKeyFile    = 1 << 10 // a key file has one line
	maxPassphrase = 4 << 10 // nobody types more
)

// KeyFile is a file that GenerateKeyFile wrote. It may be a named pipe, or
// /dev/fd/N; a regular file must belong to the user and have mode 0600 or less.
func KeyFile(path string) KeySource {
	return KeySource{kind: kindKeyFile, rank: rankKeyFile, name: "key file " + path,
		read: func(ctx context.Context, _ []byte) ([]byte, error) {
			text, err := readSecret(ctx, path, maxKeyFile)
			if err != nil {
				return nil, err
			}
			defer clear(text)
			return parseKeyFile(path, text)
		}}
}

// NewKeyFile is KeyFile for a new slot: the file is made with the slot, unless it is
// there, so that nothing is left behind where there will be no slot.
func NewKeyFile(path string) KeySource {
	k := KeyFile(path)
	k.prepare = func(ctx context.Context, _ []byte) error {
		if _, err := os.Lstat(path); err == nil {
			return nil
		}
		return GenerateKeyFile(ctx, path)
	}
	return k
}

// PassphraseFile is a file that holds a passphrase. One LF or CRLF at its end
// is not part of it. What KeyFile says of pipes and modes holds here too.
func PassphraseFile(path string) KeySource {
	return KeySource{kind: kindPassphrase, rank: rankPassphraseFile, name: "passphrase file " + path,
		read: func(ctx context.Context, _ []byte) ([]byte, error) {
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
		read: func(ctx context.Context, _ []byte) ([]byte, error) {
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
// there yet, readable by the user alone. It makes missing directories, as Create
// does.
func GenerateKeyFile(ctx context.Context, path string) error {
	text := newKeyText()
	defer clear(text)
	err := store.FromContext(ctx)
	if err == nil {
		err = makeMissing(filepath.Dir(path))
	}
	if err == nil {
		err = durable.CreateFile(ctx, path, text, 0o600)
	}
	return store.At(err, "init", "vault", store.Key{})
}

// makeMissing makes a directory that is not there. One that is may be shared with
// others, as /etc is: its files are judged one by one.
func makeMissing(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return nil // what is wrong with it, the use of it says
	}
	return durable.MkdirAll(dir)
}

// newKeyText returns a new key as a key file holds it.
func newKeyText() []byte {
	key := randomBytes(keySize)
	defer clear(key)
	return []byte(keyFilePrefix + base64.RawURLEncoding.EncodeToString(key) + "\n")
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
