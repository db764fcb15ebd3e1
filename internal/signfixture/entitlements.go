package signfixture

import (
	"fmt"
	"maps"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Tags of the entitlement encoding: [APPLICATION 16] around everything and
// [CONTEXT 16] for a dictionary, both constructed.
const (
	derTop  = cbasn1.Tag(0x70)
	derDict = cbasn1.Tag(0xb0)
)

// DER writes the dictionary in the form of the DER entitlements blob. Types
// that the form does not know (data, date, real) are a mistake in a test.
func (d Dict) DER() []byte { return d.der(d.keys()) }

// UnsortedDER is DER with the outermost keys from the last to the first.
func (d Dict) UnsortedDER() []byte {
	keys := d.keys()
	slices.Reverse(keys)
	return d.der(keys)
}

// keys are in the order of the form.
func (d Dict) keys() []string { return slices.Sorted(maps.Keys(d)) }

func (d Dict) der(keys []string) []byte {
	return must(build(func(b *cryptobyte.Builder) {
		b.AddASN1(derTop, func(b *cryptobyte.Builder) {
			b.AddASN1Int64(1)
			b.AddASN1(derDict, func(b *cryptobyte.Builder) { addPairs(b, d, keys) })
		})
	}))
}

func addDER(b *cryptobyte.Builder, v any) {
	switch v := v.(type) {
	case string:
		b.AddASN1(cbasn1.UTF8String, func(b *cryptobyte.Builder) { b.AddBytes([]byte(v)) })
	case bool:
		b.AddASN1Boolean(v)
	case int:
		b.AddASN1Int64(int64(v))
	case Dict:
		b.AddASN1(derDict, func(b *cryptobyte.Builder) { addPairs(b, v, v.keys()) })
	case []any, []string:
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, e := range elements(v) {
				addDER(b, e)
			}
		})
	default:
		panic(fmt.Sprintf("signfixture: no DER entitlement form for %T", v))
	}
}

// addPairs writes key and value of each entry.
func addPairs(b *cryptobyte.Builder, d Dict, keys []string) {
	for _, k := range keys {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			addDER(b, k)
			addDER(b, d[k])
		})
	}
}

// AppEntitlements are those of a well-made member of a family: application id,
// team and one shared keychain access group.
func AppEntitlements(team, id, group string) Dict {
	return Dict{
		"com.apple.application-identifier":    team + "." + id,
		"com.apple.developer.team-identifier": team,
		"keychain-access-groups":              []string{team + "." + group},
	}
}
