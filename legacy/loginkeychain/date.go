package loginkeychain

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/store"
)

// tick is what the login keychain tells two changes apart by: its dates have
// whole seconds.
const tick = time.Second

// date is when an item was made and last changed.
type date struct {
	text string
	// fresh: it was read so soon after the change that another one could follow and
	// leave the same date.
	fresh bool
}

func dateOf(attributes secitem.Dict) date {
	made, _ := attributes[secitem.KeyCreated].(time.Time)
	changed, ok := attributes[secitem.KeyModified].(time.Time)
	return date{text: fmt.Sprintf("%x.%x", made.Unix(), changed.Unix()), fresh: !ok || time.Since(changed) < 2*tick}
}

// processKey keys the digests in revisions for the life of this process.
var processKey = sync.OnceValue(func() []byte {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails, see crypto/rand
	return key
})

// revision names what was read. The date alone does where no other write can
// have the same; else a digest of the value goes with it. The digest is keyed, so
// that nobody can try values against it; the price is that another process finds
// another revision.
func (d date) revision(key store.Key, value []byte) store.Revision {
	if !d.fresh {
		return store.Revision(d.text)
	}
	m := hmac.New(sha256.New, processKey())
	fmt.Fprintf(m, "%d %s%s ", len(key.Service), key.Service, key.Account)
	m.Write(value)
	return store.Revision(d.text + "-" + base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:12]))
}

// is reports whether an item of this date can be the one of a revision, and
// whether it surely is.
func (d date) is(rev store.Revision) (same, sure bool) {
	text, _, hasDigest := strings.Cut(string(rev), "-")
	return text == d.text, !hasDigest
}
