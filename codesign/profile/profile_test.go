package profile_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kinring/kinring/codesign/cms"
	"github.com/kinring/kinring/codesign/profile"
	"github.com/kinring/kinring/codesign/unreadable"
	"github.com/kinring/kinring/internal/allocbound"
	"github.com/kinring/kinring/internal/signfixture"
)

func roots(t testing.TB) *cms.Roots {
	return cms.NewRoots(signfixture.TestAuthority(t).Root.Certificate)
}

func leaf(t testing.TB) *signfixture.Identity {
	return signfixture.TestAuthority(t).Leaf(t, signfixture.Certificate{})
}

// described is a Developer ID profile, changed by the caller.
func described(t testing.TB, change func(*signfixture.Profile)) signfixture.Profile {
	p := signfixture.Profile{AppID: "com.example.demo", Certificates: []*signfixture.Identity{leaf(t)}}
	if change != nil {
		change(&p)
	}
	return p
}

func read(t testing.TB, raw []byte) *profile.Profile {
	t.Helper()
	p, err := profile.Read(raw, roots(t))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestDeveloperIDProfile(t *testing.T) {
	p := read(t, described(t, nil).Encode(t))
	if p.CMS.SignatureErr != nil || p.CMS.ChainErr != nil || len(p.CMS.Unused) > 0 || !cms.HasExtension(p.CMS.Signer, cms.MarkProfileSigner) {
		t.Errorf("%v, %v, signer %s", p.CMS.SignatureErr, p.CMS.ChainErr, p.CMS.Signer.Subject)
	}
	if p.Name != "Kinring Test com.example.demo" || p.UUID == "" || p.Version != 1 || p.AppIDName != "Kinring Test" || p.TeamName != "Kinring Test" {
		t.Errorf("%+v", p)
	}
	if strings.Join(p.Platforms, " ") != "OSX" || strings.Join(p.Teams, " ") != signfixture.Team || strings.Join(p.AppIDPrefix, " ") != signfixture.Team {
		t.Errorf("%v %v %v", p.Platforms, p.Teams, p.AppIDPrefix)
	}
	if !p.AllDevices || p.Devices != nil || !p.Created.Equal(time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)) || p.Expires.Year() != 2043 {
		t.Errorf("%v %v, %s to %s", p.AllDevices, p.Devices, p.Created, p.Expires)
	}
	if p.AppID() != signfixture.Team+".com.example.demo" {
		t.Errorf("app id %s", p.AppID())
	}
	if groups, ok := p.Entitlements.Strings("keychain-access-groups"); !ok || groups[0] != signfixture.Team+".*" {
		t.Errorf("groups %v", groups)
	}
}

func TestCertificates(t *testing.T) {
	p := read(t, described(t, nil).Encode(t))
	other := signfixture.TestAuthority(t).Leaf(t, signfixture.Certificate{From: signfixture.Now})
	if len(p.Certificates) != 1 || p.Certificates[0].Certificate == nil {
		t.Fatalf("%+v", p.Certificates)
	}
	if !p.Allows(leaf(t).Certificate) || p.Allows(other.Certificate) || p.Allows(nil) {
		t.Error("the certificate of the same name and another key, or nobody's, is allowed, or the right one is not")
	}
	broken := read(t, described(t, func(p *signfixture.Profile) {
		p.Change = func(d signfixture.Dict) { d["DeveloperCertificates"] = [][]byte{{1, 2}} }
	}).Encode(t))
	if len(broken.Certificates) != 1 || broken.Certificates[0].Certificate != nil {
		t.Errorf("%+v", broken.Certificates)
	}
}

func TestCopiesAgree(t *testing.T) {
	p := read(t, described(t, nil).Encode(t))
	if p.DERErr != nil || p.DER == nil {
		t.Fatal(p.DERErr)
	}
	if len(p.DER.Differences) > 0 || p.DER.Distribution != "DIRECT" || len(p.DER.Digests) != 1 || p.DER.CMS.SignatureErr != nil || p.DER.CMS.ChainErr != nil {
		t.Errorf("%v, %s, %x", p.DER.Differences, p.DER.Distribution, p.DER.Digests)
	}
}

func TestCopiesDisagree(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(signfixture.Dict)
		want   string
	}{
		{"name", func(d signfixture.Dict) { d["Name"] = "Other" }, "Name"},
		{"expiry", func(d signfixture.Dict) { d["ExpirationDate"] = signfixture.Now }, "ExpirationDate"},
		{"groups", func(d signfixture.Dict) {
			d["Entitlements"] = signfixture.AppEntitlements(signfixture.Team, "com.example.demo", "narrow")
		}, "Entitlements.keychain-access-groups[0]"},
		{"certificates", func(d signfixture.Dict) { d["DeveloperCertificates"] = [][]byte{make([]byte, 32)} }, "DeveloperCertificates[0]"},
		{"platforms", func(d signfixture.Dict) { d["Platform"] = []string{"OSX", "iOS"} }, "Platform[1]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := read(t, described(t, func(p *signfixture.Profile) { p.ChangeDER = c.change }).Encode(t))
			if p.DER == nil || len(p.DER.Differences) != 1 || p.DER.Differences[0].Path != c.want {
				t.Errorf("%v, %+v", p.DERErr, p.DER)
			}
		})
	}
}

func TestDevelopmentProfile(t *testing.T) {
	p := read(t, described(t, func(p *signfixture.Profile) { p.Devices = []string{"A", "B"} }).Encode(t))
	if p.AllDevices || len(p.Devices) != 2 || p.DER.Distribution != "DEVELOPMENT" {
		t.Errorf("%v %v %s", p.AllDevices, p.Devices, p.DER.Distribution)
	}
}

func TestProfileForIOSNamesItsAppOtherwise(t *testing.T) {
	p := read(t, described(t, func(p *signfixture.Profile) {
		p.Entitlements = signfixture.Dict{"application-identifier": "ABCDE12345.*"}
	}).Encode(t))
	if p.AppID() != "ABCDE12345.*" {
		t.Errorf("app id %q", p.AppID())
	}
}

func TestOldProfileHasNoSecondCopy(t *testing.T) {
	p := read(t, described(t, func(p *signfixture.Profile) { p.NoDER = true }).Encode(t))
	if p.DER != nil || p.DERErr != nil {
		t.Errorf("%v, %v", p.DER, p.DERErr)
	}
}

func TestSecondCopyBroken(t *testing.T) {
	for _, c := range []struct {
		value any
		want  string
	}{{"text", "kind string, not data"}, {[]byte{0x30, 0}, "no signed-data"}, {[]byte{}, "does not end"}} {
		p := read(t, described(t, func(p *signfixture.Profile) {
			p.Change = func(d signfixture.Dict) { d["DER-Encoded-Profile"] = c.value }
		}).Encode(t))
		if p.DER != nil || p.DERErr == nil || !strings.Contains(p.DERErr.Error(), c.want) {
			t.Errorf("got %v, want %q", p.DERErr, c.want)
		}
	}
}

func TestStrangersProfile(t *testing.T) {
	raw := described(t, func(p *signfixture.Profile) { p.Signer = signfixture.OtherAuthority(t).ProfileSigner }).Encode(t)
	if p := read(t, raw); p.CMS.ChainErr == nil || p.CMS.SignatureErr != nil || p.DER.CMS.ChainErr == nil {
		t.Errorf("%v, %v", p.CMS.ChainErr, p.CMS.SignatureErr)
	}
	p, err := profile.Read(described(t, nil).Encode(t), nil)
	if err != nil || p.CMS.ChainErr == nil {
		t.Errorf("a test authority passes for Apple: %v", err)
	}
}

func TestReadRefuses(t *testing.T) {
	good := described(t, nil).Encode(t)
	for _, c := range []struct {
		name string
		raw  []byte
		want string
	}{
		{"nothing", nil, "does not end"},
		{"a list that nobody signed", signfixture.Dict{"Name": "x"}.XML(), "cms message"},
		{"cut off", good[:len(good)/2], "cms message"},
		{"too large", make([]byte, profile.MaxSize+1), "at most"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := profile.Read(c.raw, roots(t))
			var e *unreadable.Error
			if !errors.As(err, &e) || !strings.Contains(e.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestEveryFlippedByteIsSeen flips one bit of every 5th byte of a profile.
func TestEveryFlippedByteIsSeen(t *testing.T) {
	raw := described(t, nil).Encode(t)
	for i := 0; i < len(raw); i += 5 {
		changed := bytes.Clone(raw)
		changed[i] ^= 1 << (i % 8)
		p, err := profile.Read(changed, roots(t))
		if err == nil && p.CMS.SignatureErr == nil && p.CMS.ChainErr == nil && len(p.CMS.Unused) == 0 {
			t.Errorf("bit %d of byte %d was flipped unseen", i%8, i)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(described(f, nil).Encode(f))
	f.Add(described(f, func(p *signfixture.Profile) { p.NoDER, p.Devices = true, []string{"A"} }).Encode(f))
	r := roots(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		allocbound.Check(t, len(raw), 512, func() { _, _ = profile.Read(raw, r) })
	})
}
