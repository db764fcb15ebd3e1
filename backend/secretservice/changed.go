package secretservice

import (
	"bytes"
	"strings"

	"github.com/kinring/kinring/store"
)

// What providers change in what they are given is refused before they are touched.

// checkKey refuses what the keyring would take for another key, beside what no
// store takes: KWallet drops a byte order mark at the beginning of an attribute.
func (s *keyring) checkKey(key store.Key) error {
	const mark = "\ufeff"
	if s.provider == kwallet && (strings.HasPrefix(key.Service, mark) || strings.HasPrefix(key.Account, mark)) {
		return &store.Error{Class: store.ErrUnsupported, Detail: "KWallet drops a byte order mark at the beginning of a name",
			Remedy: "use a name without it"}
	}
	return store.CheckKey(key)
}

// checkValue refuses what KeePassXC would return as something else: it replaces
// placeholders such as {TITLE} or {REF:P@I:0} when an item is read.
func (s *keyring) checkValue(value store.Value) error {
	var replaced bool
	value.View(func(b []byte) { replaced = hasPlaceholder(b) })
	if s.provider == keepassxc && replaced {
		return &store.Error{Class: store.ErrUnsupported, Detail: "KeePassXC would replace what stands between { and } in the value when it is read",
			Remedy: "keep it in another store"}
	}
	return nil
}

// hasPlaceholder reports whether a letter after a brace begins what may be one;
// which of them KeePassXC knows depends on its version. An object in JSON has none.
func hasPlaceholder(b []byte) bool {
	for {
		_, after, found := bytes.Cut(b, []byte("{"))
		if !found {
			return false
		}
		name, _, closed := bytes.Cut(after, []byte("}"))
		if closed && len(name) > 0 && (name[0]|0x20 >= 'a' && name[0]|0x20 <= 'z') && !bytes.ContainsRune(name, '{') {
			return true
		}
		b = after
	}
}
