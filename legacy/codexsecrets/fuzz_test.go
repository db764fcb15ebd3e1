package codexsecrets

import (
	"bytes"
	"encoding/json"
	"testing"

	"filippo.io/age"

	"github.com/kinring/kinring/store"
)

// sealText encrypts any text, with little work.
func sealText(t testing.TB, text string) ([]byte, error) {
	t.Helper()
	recipient, err := age.NewScryptRecipient("made-up")
	if err != nil {
		return nil, err
	}
	recipient.SetWorkFactor(2)
	var file bytes.Buffer
	w, err := age.Encrypt(&file, recipient)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write([]byte(text)); err != nil {
		return nil, err
	}
	err = w.Close() // which writes the last part
	return file.Bytes(), err
}

// FuzzParse: what is taken for secrets is that, and every failure has a class.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{"version":1,"secrets":{"global/A":"x"}}`, `{"secrets":{}}`, `{"version":9,"secrets":{}}`, `[]`, ``, "{\"secrets\":{\"\xff\":\"\"}}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := parse(text)
		switch {
		case err != nil && store.ClassOf(err) == nil:
			t.Errorf("%q: an error without a class: %v", text, err)
		case err == nil && (e == nil || !json.Valid(text)):
			t.Errorf("%q is taken for secrets: %v", text, e)
		}
	})
}

// FuzzOpen: a file is opened only with as much work as is allowed, and damage is
// told.
func FuzzOpen(f *testing.F) {
	good, err := sealText(f, `{"version":1,"secrets":{"global/A":"x"}}`)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("age-encryption.org/v1\n-> scrypt AAAAAAAAAAAAAAAAAAAAAA 99\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		if n, err := work(file); err != nil || n > 8 {
			return // more work than a fuzzer has time for
		}
		e, err := open(file, "made-up")
		if err != nil && store.ClassOf(err) == nil || err == nil && e == nil {
			t.Errorf("%q: %v, %v", file, e, err)
		}
	})
}

// FuzzAccount: whatever an entry says of its server, the account that is made of
// it is one that a key can have, or none.
func FuzzAccount(f *testing.F) {
	f.Add(server)
	f.Add(`{"server_name":"a","url":"\u0000<&>"}`)
	f.Fuzz(func(t *testing.T, text string) {
		if account := accountOf(text); account != "" && len(account) < 18 {
			t.Errorf("%q gives the account %q", text, account)
		}
	})
}
