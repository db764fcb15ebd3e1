package safestorage_test

import (
	"crypto/sha256"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/kinring/kinring/backend/secretservice"
	"github.com/kinring/kinring/internal/chromiumtest"
	"github.com/kinring/kinring/internal/keyringtest"
	"github.com/kinring/kinring/internal/litedb"
	"github.com/kinring/kinring/legacy/safestorage"
	"github.com/kinring/kinring/legacy/safestorage/keyring"
)

// cookie is what the page sets, and back what it is to be after kinring sealed
// another value in its place.
const (
	cookie = "made-up-by-the-page"
	back   = "made-up-by-kinring"
)

// TestChromiumAndBack: a cookie that a real Chromium stored is decrypted, in the
// form that was expected, and one that kinring encrypts with the same key comes
// back to the page from that Chromium.
func TestChromiumAndBack(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a browser four times")
	}
	chromiumtest.Program(t)
	t.Run("v10, no keyring", func(t *testing.T) {
		bus := keyringtest.NewBus(t)
		visits(t, bus, "basic", safestorage.LinuxBasic, nil)
	})
	t.Run("v11, gnome-keyring", func(t *testing.T) {
		bus := keyringtest.NewGNOME(t).Bus
		visits(t, bus, "gnome-libsecret", safestorage.LinuxKeyring, keyring.Keys{
			App: "chromium", Options: secretservice.Options{Address: bus.Address}})
	})
}

func visits(t *testing.T, bus *keyringtest.Bus, store string, want safestorage.Form, keys safestorage.Keys) {
	p := chromiumtest.Profile{Dir: filepath.Join(bus.Home, "chromium"), Store: store, Env: bus.Environment()}
	p.Visit(t, func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "login", Value: cookie, MaxAge: 86400})
	})
	safe := &safestorage.Safe{GOOS: "linux", Keys: keys}
	host := sha256.Sum256([]byte(chromiumtest.Host))
	sealed := encrypted(t, p.Cookies())
	if form, err := safestorage.FormOf("linux", sealed); err != nil || form != want {
		t.Fatalf("Chromium wrote %s, %v; want %s", form, err, want)
	}
	plain, err := safe.Open(t.Context(), sealed)
	if err != nil || string(plain) != string(host[:])+cookie {
		t.Fatalf("decrypted to %q, %v", plain, err)
	}

	ours, err := safe.Seal(t.Context(), want, append(host[:], back...))
	if err != nil {
		t.Fatal(err)
	}
	replace(t, p.Cookies(), ours)
	var sent string
	p.Visit(t, func(w http.ResponseWriter, r *http.Request) { sent = r.Header.Get("Cookie") })
	if sent != "login="+back {
		t.Errorf("Chromium sends %q back", sent)
	}
}

// encrypted returns the cookie as it is stored.
func encrypted(t *testing.T, path string) (value []byte) {
	t.Helper()
	withCookies(t, path, "mode=ro", func(db *litedb.Conn) error {
		return db.Query("SELECT encrypted_value FROM cookies WHERE name = 'login'", nil, func(c litedb.Columns) (err error) {
			value, err = c.Blob(0)
			return err
		})
	})
	return value
}

func replace(t *testing.T, path string, value []byte) {
	t.Helper()
	withCookies(t, path, "mode=rw", func(db *litedb.Conn) error {
		return db.Exec("UPDATE cookies SET encrypted_value = ? WHERE name = 'login'", value)
	})
}

func withCookies(t *testing.T, path, mode string, f func(*litedb.Conn) error) {
	t.Helper()
	db, err := litedb.Open(t.Context(), litedb.Address(path, mode))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := f(db); err != nil {
		t.Fatal(err)
	}
}
