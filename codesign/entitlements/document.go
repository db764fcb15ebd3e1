// Package entitlements reads the two forms in which a macOS signature carries
// entitlements, XML and DER, into one comparable value.
package entitlements

import (
	"github.com/kinring/kinring/codesign/plist"
	"github.com/kinring/kinring/codesign/unreadable"
)

// Document is one form of a program's entitlements.
type Document struct {
	Raw        []byte     // as signed, without the blob's header
	Entries    plist.Dict // in the order of the document
	Comments   int        // XML comments; Apple's tools refuse a list that has one
	ByteMark   bool       // XML that starts with a byte order mark
	Duplicates []string   // keys that occur twice, which readers resolve differently
	Unsorted   bool       // DER whose keys are not in ascending order
}

// ParseXML reads the XML form: a property list whose root is a dictionary. Apple
// accepts no binary list here.
func ParseXML(raw []byte) (*Document, error) {
	doc, err := plist.ParseDict(raw)
	if err != nil {
		return nil, err
	}
	if doc.Format != plist.XML {
		return nil, unreadable.At("entitlements", 0, "they are a binary property list; only xml is accepted")
	}
	return &Document{Raw: raw, Entries: doc.Root.Entries, Comments: doc.Comments, ByteMark: doc.ByteMark, Duplicates: doc.Duplicates}, nil
}

// Compare lists the differences of two forms, A being the first one's side.
func Compare(a, b *Document) []plist.Difference {
	return plist.Diff(
		plist.Value{Kind: plist.Dictionary, Entries: a.Entries},
		plist.Value{Kind: plist.Dictionary, Entries: b.Entries},
	)
}
