package plist

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// scalar turns the text of an XML element into a value.
func scalar(element, text string) (Value, error) {
	switch element {
	case "string":
		return Value{Kind: String, Text: text}, nil
	case "integer":
		return integer(strings.TrimSpace(text))
	case "real":
		return float(strings.TrimSpace(text))
	case "date":
		return date(strings.TrimSpace(text))
	case "data":
		return data(text)
	}
	return Value{}, fmt.Errorf("<%s> is no element of a property list", element)
}

func integer(text string) (Value, error) {
	n, err := strconv.ParseInt(strings.TrimPrefix(text, "+"), 10, 64)
	if hex, ok := strings.CutPrefix(strings.ToLower(text), "0x"); ok {
		n, err = strconv.ParseInt(hex, 16, 64)
	}
	if err != nil {
		return Value{}, errors.New("<integer> holds no integer of 64 bits")
	}
	return Value{Kind: Integer, Integer: n}, nil
}

func float(text string) (Value, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return Value{}, errors.New("<real> holds no number")
	}
	return Value{Kind: Real, Real: f}, nil
}

func date(text string) (Value, error) {
	t, err := time.Parse("2006-01-02T15:04:05Z", text)
	if err != nil {
		return Value{}, errors.New("<date> holds no date like 2026-01-02T03:04:05Z")
	}
	return Value{Kind: Date, Time: t}, nil
}

func data(text string) (Value, error) {
	compact := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\r\n", r) {
			return -1
		}
		return r
	}, text)
	b, err := base64.StdEncoding.DecodeString(compact)
	if err != nil {
		return Value{}, errors.New("<data> holds no base64")
	}
	return Value{Kind: Data, Data: b}, nil
}

// numericEntity resolves the inside of &#N; and &#xN;.
func numericEntity(name string) (string, bool) {
	digits, ok := strings.CutPrefix(name, "#")
	if !ok {
		return "", false
	}
	base := 10
	if hex, ok := strings.CutPrefix(digits, "x"); ok {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil || n > utf8.MaxRune || !utf8.ValidRune(rune(n)) || n == 0 {
		return "", false
	}
	return string(rune(n)), true
}
