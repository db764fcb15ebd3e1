package coexist_test

import (
	"testing"

	"github.com/kinring/kinring/coexist"
)

// TestRejectedOfACopiedValue (I11): the first Get of a login copies it and names
// the copy's write, so that a program whose login is refused is not given the
// very same one as a better one.
func TestRejectedOfACopiedValue(t *testing.T) {
	for name, c := range map[string]struct {
		older string // written after the Get
		want  string
		same  bool
	}{
		"nobody has a better one":    {"", "1", true},
		"the older build has":        {"2", "2", false},
		"the older build wrote same": {"1", "1", true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "shared-only", 1)
			w.olderSet(0, "1")
			refused, err := w.process().Get(t.Context(), key)
			if err != nil || refused.Provenance != coexist.FromLegacy || refused.Revision == "" {
				t.Fatalf("the first Get: %v, revision %q, %v", refused.Provenance, refused.Revision, err)
			}
			if c.older != "" {
				w.olderSet(0, c.older)
			}
			got, err := w.process().Rejected(t.Context(), key, refused.Revision)
			if err != nil || string(got.Value.Bytes()) != c.want || (got.Revision == refused.Revision) != c.same {
				t.Errorf("got %s, the same: %v, %v", got.Value.Bytes(), got.Revision == refused.Revision, err)
			}
		})
	}
}
