// Package entitlements reads the two forms in which a macOS signature carries
// entitlements, XML and DER, into one comparable value.
package entitlements

import "github.com/kinring/kinring/codesign/plist"

// Document is one form of a program's entitlements.
type Document struct {
	Raw        []byte     // as signed, without the blob's header
	Entries    plist.Dict // in the order of the document
	Comments   int        // XML comments; Apple's tools refuse a list that has one
	ByteMark   bool       // XML that starts with a byte order mark
	Duplicates []string   // keys that occur twice, which readers resolve differently
}
