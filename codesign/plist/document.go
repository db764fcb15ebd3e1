package plist

import (
	"bytes"

	"github.com/kinring/kinring/codesign/unreadable"
)

// Limits of a document. The deepest list that Apple's tools write for a bundle
// has some ten levels; MaxSize is far above the largest resource seal known.
const (
	MaxDepth = 64
	MaxSize  = 64 << 20
)

// maxNodes bounds the values of one document, whatever its size.
const maxNodes = 4 << 20

// Format says how a document is encoded.
type Format string

// The formats.
const (
	XML    Format = "xml"
	Binary Format = "binary"
)

// Document is a parsed property list with what only its encoding shows.
type Document struct {
	Format     Format
	Root       Value
	Comments   int      // XML comments
	ByteMark   bool     // XML that starts with a byte order mark
	Duplicates []string // keys that occur twice in one dictionary, at most maxDuplicates
}

// maxDuplicates bounds the list of duplicate keys that a document reports.
const maxDuplicates = 100

var byteMark = []byte("\xef\xbb\xbf")

// Parse reads an XML or binary property list. The values take at most 256 times
// the document's bytes. Offsets in errors count from the start of the document.
func Parse(data []byte) (*Document, error) {
	if len(data) > MaxSize {
		return nil, unreadable.At("property list", 0, "%d bytes; at most %d are read", len(data), MaxSize)
	}
	if bytes.HasPrefix(data, []byte("bplist")) {
		return parseBinary(data)
	}
	return parseXML(data)
}

// ParseDict is Parse for a document whose root is a dictionary.
func ParseDict(data []byte) (*Document, error) {
	doc, err := Parse(data)
	if err != nil {
		return nil, err
	}
	if doc.Root.Kind != Dictionary {
		return nil, unreadable.At("property list", 0, "its root is of kind %s, not a dictionary", doc.Root.Kind)
	}
	return doc, nil
}

// noteDuplicates records the keys that occur twice in one dictionary.
func (doc *Document) noteDuplicates(d Dict) {
	seen := make(map[string]bool, len(d))
	for _, e := range d {
		if seen[e.Key] && len(doc.Duplicates) < maxDuplicates {
			doc.Duplicates = append(doc.Duplicates, e.Key)
		}
		seen[e.Key] = true
	}
}
