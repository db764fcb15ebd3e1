package loginkeychain

import (
	"fmt"
	"strings"
	"time"

	"github.com/kinring/kinring/internal/secitem"
	legacy "github.com/kinring/kinring/internal/source"
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

// revision names what was read. The date alone does where no other write can
// have the same; else a digest of the value goes with it, which is another one in
// another process.
func (d date) revision(key store.Key, value []byte) store.Revision {
	if !d.fresh {
		return store.Revision(d.text)
	}
	return d.digested(key, value)
}

// digested is the revision of a value that was read while its date was fresh. It
// still names that value when the date has aged.
func (d date) digested(key store.Key, value []byte) store.Revision {
	return store.Revision(d.text+"-") + legacy.Revision([]byte(key.Service), []byte(key.Account), value)
}

// is reports whether an item of this date can be the one of a revision, and
// whether it surely is.
func (d date) is(rev store.Revision) (same, sure bool) {
	text, _, hasDigest := strings.Cut(string(rev), "-")
	return text == d.text, !hasDigest
}
