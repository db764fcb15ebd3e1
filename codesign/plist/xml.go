package plist

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/kinring/kinring/codesign/unreadable"
)

// xmlReader reads the small part of XML that property lists use. It resolves no
// external entity and accepts no document type with declarations of its own.
type xmlReader struct {
	data  []byte
	at    int
	nodes int
	doc   *Document
}

func parseXML(data []byte) (*Document, error) {
	x := &xmlReader{data: data, doc: &Document{Format: XML}}
	if bytes.HasPrefix(data, byteMark) {
		x.doc.ByteMark = true
		x.at = len(byteMark)
	}
	if !utf8.Valid(data) {
		return nil, x.fail("it is not UTF-8 text and no binary list; convert it with plutil -convert xml1")
	}
	return x.doc, x.document()
}

func (x *xmlReader) fail(format string, args ...any) error {
	return unreadable.At("property list", int64(x.at), format, args...)
}

// document reads the root value, with or without the plist element around it.
func (x *xmlReader) document() error {
	t, err := x.next()
	if err != nil {
		return err
	}
	wrapped := t.name == "plist" && t.opens && !t.closes
	if wrapped {
		if t, err = x.next(); err != nil {
			return err
		}
	}
	if x.doc.Root, err = x.value(t, 0); err != nil {
		return err
	}
	if wrapped {
		if err := x.closing("plist"); err != nil {
			return err
		}
	}
	if err := x.skip(); err != nil {
		return err
	}
	if x.at < len(x.data) {
		return x.fail("%d bytes follow the list", len(x.data)-x.at)
	}
	return nil
}

// tag is an opening tag, a closing tag, or both at once.
type tag struct {
	name          string
	opens, closes bool
	at            int
}

// skip moves past blanks, comments, processing instructions and the document
// type.
func (x *xmlReader) skip() error {
	for {
		x.at += len(x.data[x.at:]) - len(bytes.TrimLeft(x.data[x.at:], " \t\r\n"))
		rest := x.data[x.at:]
		var err error
		switch {
		case bytes.HasPrefix(rest, []byte("<!--")):
			x.doc.Comments++
			err = x.past("-->", "comment")
		case bytes.HasPrefix(rest, []byte("<?")):
			err = x.past("?>", "processing instruction")
		case bytes.HasPrefix(rest, []byte("<!DOCTYPE")):
			err = x.docType()
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (x *xmlReader) past(end, what string) error {
	i := bytes.Index(x.data[x.at:], []byte(end))
	if i < 0 {
		return x.fail("the %s does not end", what)
	}
	x.at += i + len(end)
	return nil
}

func (x *xmlReader) docType() error {
	end := bytes.IndexAny(x.data[x.at:], "[>")
	if end < 0 || x.data[x.at+end] == '[' {
		return x.fail("the document type does not end or declares entities")
	}
	x.at += end + 1
	return nil
}

// next reads the next tag.
func (x *xmlReader) next() (tag, error) {
	if err := x.skip(); err != nil {
		return tag{}, err
	}
	t := tag{at: x.at}
	if x.at >= len(x.data) {
		return t, x.fail("it ends where a tag is expected")
	}
	if x.data[x.at] != '<' {
		return t, x.fail("text stands where a tag is expected")
	}
	end := bytes.IndexByte(x.data[x.at:], '>')
	if end < 0 {
		return t, x.fail("a tag does not end")
	}
	inner := string(x.data[x.at+1 : x.at+end])
	x.at += end + 1
	t.closes = strings.HasPrefix(inner, "/") || strings.HasSuffix(inner, "/")
	t.opens = !strings.HasPrefix(inner, "/")
	t.name = strings.TrimSuffix(strings.TrimPrefix(inner, "/"), "/")
	if i := strings.IndexAny(t.name, " \t\r\n"); i >= 0 {
		t.name = t.name[:i]
	}
	return t, nil
}

func (x *xmlReader) closing(name string) error {
	t, err := x.next()
	if err != nil {
		return err
	}
	if t.opens || t.name != name {
		return x.fail("<%s> is not closed where it should be", name)
	}
	return nil
}

// value reads the value whose opening tag is t.
func (x *xmlReader) value(t tag, depth int) (Value, error) {
	if x.nodes++; x.nodes > maxNodes {
		return Value{}, x.fail("it has more than %d values", maxNodes)
	}
	if depth > MaxDepth {
		return Value{}, x.fail("it nests deeper than %d levels", MaxDepth)
	}
	if !t.opens {
		return Value{}, x.fail("</%s> stands where a value is expected", t.name)
	}
	switch t.name {
	case "dict":
		return x.dict(t, depth)
	case "array":
		return x.array(t, depth)
	case "true", "false":
		return x.boolean(t)
	}
	text, err := x.text(t)
	if err != nil {
		return Value{}, err
	}
	v, err := scalar(t.name, text)
	if err != nil {
		x.at = t.at
		return Value{}, x.fail("%v", err)
	}
	return v, nil
}

func (x *xmlReader) boolean(t tag) (Value, error) {
	v := Value{Kind: Boolean, Bool: t.name == "true"}
	if t.closes {
		return v, nil
	}
	return v, x.closing(t.name)
}

func (x *xmlReader) array(t tag, depth int) (Value, error) {
	v := Value{Kind: Array}
	if t.closes {
		return v, nil
	}
	for {
		item, err := x.next()
		if err != nil {
			return Value{}, err
		}
		if !item.opens && item.name == "array" {
			return v, nil
		}
		child, err := x.value(item, depth+1)
		if err != nil {
			return Value{}, err
		}
		v.Items = append(v.Items, child)
	}
}

func (x *xmlReader) dict(t tag, depth int) (Value, error) {
	v := Value{Kind: Dictionary}
	for !t.closes {
		item, err := x.next()
		if err != nil {
			return Value{}, err
		}
		if !item.opens && item.name == "dict" {
			break
		}
		entry, err := x.entry(item, depth)
		if err != nil {
			return Value{}, err
		}
		v.Entries = append(v.Entries, entry)
	}
	x.doc.noteDuplicates(v.Entries)
	return v, nil
}

// entry reads one key, whose opening tag is t, and its value.
func (x *xmlReader) entry(t tag, depth int) (Entry, error) {
	if !t.opens || t.name != "key" {
		return Entry{}, x.fail("<%s> stands where a key is expected", t.name)
	}
	key, err := x.text(t)
	if err != nil {
		return Entry{}, err
	}
	next, err := x.next()
	if err != nil {
		return Entry{}, err
	}
	v, err := x.value(next, depth+1)
	return Entry{Key: key, Value: v}, err
}

// text reads the text up to the closing tag of t, with entities resolved.
func (x *xmlReader) text(t tag) (string, error) {
	if t.closes {
		return "", nil
	}
	var b strings.Builder
	for {
		end := bytes.IndexByte(x.data[x.at:], '<')
		if end < 0 {
			return "", x.fail("<%s> is not closed", t.name)
		}
		if err := x.unescape(&b, string(x.data[x.at:x.at+end])); err != nil {
			return "", err
		}
		x.at += end
		switch rest := x.data[x.at:]; {
		case bytes.HasPrefix(rest, []byte("<![CDATA[")):
			start := x.at + len("<![CDATA[")
			if err := x.past("]]>", "CDATA section"); err != nil {
				return "", err
			}
			b.Write(x.data[min(start, x.at-3) : x.at-3])
		case bytes.HasPrefix(rest, []byte("<!--")):
			x.doc.Comments++
			if err := x.past("-->", "comment"); err != nil {
				return "", err
			}
		default:
			return b.String(), x.closing(t.name)
		}
	}
}

// entities are the five that XML itself defines.
var entities = map[string]string{"lt": "<", "gt": ">", "amp": "&", "quot": `"`, "apos": "'"}

func (x *xmlReader) unescape(b *strings.Builder, s string) error {
	for {
		before, after, found := strings.Cut(s, "&")
		b.WriteString(before)
		if !found {
			return nil
		}
		name, rest, ended := strings.Cut(after, ";")
		text, known := entities[name]
		if !known && ended {
			text, known = numericEntity(name)
		}
		if !ended || !known {
			return x.fail("an entity is unknown or does not end")
		}
		b.WriteString(text)
		s = rest
	}
}
