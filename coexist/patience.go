package coexist

import "context"

// awaitOlder follows a function that failed, while the lease is still held. It
// may have failed because an older build used the value up at the same moment
// and has not written the next one yet, since older builds hold no lock while
// they ask. Whoever updates next must not begin with the same value.
func (u *update) awaitOlder(ctx context.Context) {
	if u.Patience == nil || !u.Traits(u.key).Rotates || u.item.Revision == "" || isMarker(u.item) {
		return
	}
	for more := u.Patience(ctx); u.olderMayWrite(ctx) && more(); {
	}
}

// olderMayWrite reports whether an older build holds what this Update began
// with, so that its successor may still come from there. A source that cannot be
// read may be just being written.
func (u *update) olderMayWrite(ctx context.Context) bool {
	may := false
	for _, src := range u.sources(u.key) {
		s := u.look(ctx, src, u.key)
		if s.err != nil {
			may = true
			continue
		}
		switch u.printer.judge(u.key, u.item, s, u.printer.recall(u.item.Record, src.Name)) {
		case olderAlone, bothWrote:
			return false
		case nothingNew:
			may = may || s.present
		}
	}
	return may
}
