package vault

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/kinring/kinring/internal/durable"
	"github.com/kinring/kinring/store"
)

// CredentialName is the name of the credential that a service's vault is opened
// by: in a unit, LoadCredentialEncrypted=kinring:FILE or SetCredential=kinring:…
const CredentialName = "kinring"

// Credential returns the sources for what systemd hands to a service in a
// directory of its own (systemd.exec(5), $CREDENTIALS_DIRECTORY), and none if
// there is no such file: the text of a key file, or else a passphrase.
//
// systemd owns the file and gives the service's user access by a list that shows
// up as a wider mode, so owner and mode are not judged, but that others may not
// write to the directory is.
func Credential(dir string) []KeySource {
	path := filepath.Join(dir, CredentialName)
	if dir == "" {
		return nil
	}
	if _, err := os.Lstat(path); err != nil {
		return nil
	}
	name := "credential " + path
	return []KeySource{
		{kind: kindKeyFile, rank: rankKeyFile, name: name, read: func(ctx context.Context, _ []byte) ([]byte, error) {
			text, err := readCredential(ctx, path)
			if err != nil {
				return nil, err
			}
			defer clear(text)
			if !isKeyText(text) {
				return nil, &store.Error{Class: store.ErrLocked, Store: path, Detail: "it holds no key", Remedy: unlocking}
			}
			return parseKeyFile(path, text)
		}},
		{kind: kindPassphrase, rank: rankPassphraseFile, name: name, read: func(ctx context.Context, _ []byte) ([]byte, error) {
			text, err := readCredential(ctx, path)
			if err != nil {
				return nil, err
			}
			if isKeyText(text) {
				clear(text)
				return nil, &store.Error{Class: store.ErrLocked, Store: path, Detail: "it holds a key and no passphrase", Remedy: unlocking}
			}
			return checkPassphrase(trimLine(text), name)
		}},
	}
}

func isKeyText(text []byte) bool { return bytes.HasPrefix(text, []byte(keyFilePrefix)) }

func readCredential(ctx context.Context, path string) ([]byte, error) {
	info, err := os.Stat(filepath.Dir(path))
	if err == nil && modesCount && info.Mode().Perm()&0o022 != 0 {
		return nil, &store.Error{Class: store.ErrDenied, Store: filepath.Dir(path), Detail: "others may write to the directory of credentials",
			Remedy: "let systemd make it, or chmod 700 it"}
	}
	text, _, err := durable.ReadFile(ctx, path, durable.Limits{MaxSize: maxPassphrase, AnyOwner: true})
	if errors.Is(err, store.ErrNotFound) {
		return nil, &store.Error{Class: store.ErrLocked, Store: path, Detail: "there is no such file", Remedy: unlocking}
	}
	return text, err
}
