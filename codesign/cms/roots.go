package cms

import (
	"crypto/x509"
	"embed"
	"slices"
	"sync"
)

// Apple's root certificates, as published at
// https://www.apple.com/certificateauthority/. The tests pin each file by the
// SHA-256 fingerprint that Apple publishes for it.
//
//go:embed roots/*.cer
var appleFiles embed.FS

var appleNames = []struct{ name, file string }{
	{"Apple Root CA", "roots/apple-root-ca.cer"},
	{"Apple Root CA - G2", "roots/apple-root-ca-g2.cer"},
	{"Apple Root CA - G3", "roots/apple-root-ca-g3.cer"},
}

var apple = sync.OnceValue(loadApple)

// AppleRoots returns Apple's root certificates: what the shipped command trusts,
// and all that it trusts.
func AppleRoots() *Roots { return apple() }

func loadApple() *Roots {
	r := &Roots{}
	for _, n := range appleNames {
		raw, err := appleFiles.ReadFile(n.file)
		if err != nil {
			panic("cms: embedded root " + n.file + ": " + err.Error())
		}
		c, err := x509.ParseCertificate(raw)
		if err != nil {
			panic("cms: embedded root " + n.file + ": " + err.Error())
		}
		r.list = append(r.list, Root{Name: n.name, Certificate: c})
	}
	return r
}

// NewRoots returns a set of other roots, for tests with an authority of their
// own. Nothing else in the project calls it.
func NewRoots(certificates ...*x509.Certificate) *Roots {
	r := &Roots{}
	for _, c := range certificates {
		r.list = append(r.list, Root{Name: c.Subject.CommonName, Certificate: c})
	}
	return r
}

// List returns the roots of the set.
func (r *Roots) List() []Root { return slices.Clone(r.pinned()) }

// pinned returns the roots of the set; no set means Apple's.
func (r *Roots) pinned() []Root {
	if r == nil {
		return AppleRoots().list
	}
	return r.list
}

// pins reports whether the certificate is a root of the set, byte for byte.
func (r *Roots) pins(c *x509.Certificate) bool {
	for _, root := range r.pinned() {
		if root.Certificate.Equal(c) {
			return true
		}
	}
	return false
}

// Name returns the name of the root that a chain ends in; empty where it ends
// in none of the set.
func (r *Roots) Name(chain []*x509.Certificate) string {
	if len(chain) == 0 {
		return ""
	}
	for _, root := range r.pinned() {
		if root.Certificate.Equal(chain[len(chain)-1]) {
			return root.Name
		}
	}
	return ""
}
