package wire

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/kinring/kinring/store"
)

// Codes of JSON-RPC itself.
const (
	CodeParse          = -32700
	CodeInvalidRequest = -32600
	CodeMethodNotFound = -32601
	CodeInvalidParams  = -32602
	CodeInternal       = -32603
)

// CodeBusy says that a limit of the broker would be exceeded: too many requests
// at a time, too many connections. Nothing was done.
const CodeBusy = -31100

// codes is the closed set of errors, one code a class. JSON-RPC keeps -32768 to
// -32000 for itself, and clients of the Language Server Protocol use several of
// these, so kinring's are beyond. A code is never given another meaning.
var codes = []struct {
	class *store.Class
	code  int
}{
	{store.ErrNotFound, -31001},
	{store.ErrConflict, -31002},
	{store.ErrLocked, -31003},
	{store.ErrDenied, -31004},
	{store.ErrCancelled, -31005},
	{store.ErrUnavailable, -31006},
	{store.ErrTimedOut, -31007},
	{store.ErrAmbiguous, -31008},
	{store.ErrTooLarge, -31009},
	{store.ErrInvalid, -31010},
	{store.ErrCorrupt, -31011},
	{store.ErrUnsupported, -31012},
	{store.ErrPartial, -31013},
	{store.ErrOutcomeUnknown, -31014},
}

// reasons refine unavailable.
var reasons = map[string]error{
	"out-of-reach":     store.ErrOutOfReach,
	"absent-by-design": store.ErrAbsentByDesign,
	"no-service":       store.ErrNoService,
}

// Error is the error of a response.
type Error struct {
	Code    int        `json:"code"`
	Message string     `json:"message"`
	Data    *ErrorData `json:"data,omitempty"`
}

// ErrorData is a store.Error as JSON. It never holds a value.
type ErrorData struct {
	Class   string   `json:"class"`
	Reason  string   `json:"reason,omitempty"` // of unavailable: out-of-reach, absent-by-design, no-service
	Op      string   `json:"op,omitempty"`
	Store   string   `json:"store,omitempty"`
	Key     string   `json:"key,omitempty"` // redacted
	Detail  string   `json:"detail,omitempty"`
	Native  string   `json:"native,omitempty"`
	Remedy  string   `json:"remedy,omitempty"`
	Done    []string `json:"done,omitempty"`
	Missing []string `json:"missing,omitempty"`
}

// Error returns the message.
func (e *Error) Error() string { return fmt.Sprintf("%s [%d]", e.Message, e.Code) }

// CodeOf returns the code of a class, and CodeInternal for no class.
func CodeOf(class *store.Class) int {
	for _, c := range codes {
		if c.class == class {
			return c.code
		}
	}
	return CodeInternal
}

// FromError makes an error of a response from one of kinring's. What has no class
// is a defect of the broker; its text stays there, because nobody can vouch for
// what is in it.
func FromError(err error) *Error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	class := store.ClassOf(err)
	if class == nil {
		return &Error{Code: CodeInternal, Message: "internal error of the broker"}
	}
	data := &ErrorData{Class: class.Name(), Reason: reasonOf(err)}
	out := &Error{Code: CodeOf(class), Message: class.Error(), Data: data}
	var e *store.Error
	if !errors.As(err, &e) {
		return out
	}
	out.Message = e.Message()
	data.Op, data.Store, data.Key, data.Native, data.Remedy = e.Op, e.Store, e.Key, e.Native, e.Advice()
	data.Detail, data.Done, data.Missing = e.Detail, e.Done, e.Missing
	if cause := e.Cause(); cause != nil {
		data.Detail = join(data.Detail, causeText(cause))
	}
	return out
}

func causeText(err error) string {
	if e, own := err.(*store.Error); own {
		return e.Message()
	}
	return err.Error()
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + ": " + b
}

func reasonOf(err error) string {
	for name, reason := range reasons {
		if errors.Is(err, reason) {
			return name
		}
	}
	return ""
}

// classOf returns the class that an error of a response stands for. The data
// names it; without data the code does.
func (e *Error) classOf() *store.Class {
	for _, c := range codes {
		if e.Data != nil && e.Data.Class == c.class.Name() || e.Data == nil && e.Code == c.code {
			return c.class
		}
	}
	switch e.Code {
	case CodeInvalidParams, CodeParse, CodeInvalidRequest:
		return store.ErrInvalid
	case CodeMethodNotFound:
		return store.ErrUnsupported
	case CodeBusy:
		return store.ErrUnavailable
	}
	return nil
}

// Unwire returns the kinring error that a response stands for: its class, reason
// and fields are those on the other side.
func (e *Error) Unwire() error {
	class := e.classOf()
	if class == nil {
		return fmt.Errorf("broker: %s [%d]", e.Message, e.Code)
	}
	out := &store.Error{Class: class}
	d := e.Data
	if d == nil {
		out.Detail = e.Message
		return out
	}
	out.Op, out.Store, out.Key, out.Detail, out.Native, out.Remedy = d.Op, d.Store, d.Key, d.Detail, d.Native, d.Remedy
	out.Done, out.Missing = d.Done, d.Missing
	if class == store.ErrUnavailable {
		out.Reason = reasons[d.Reason]
	}
	return out
}

// Refuse returns an error of the protocol itself with what is wrong and what to
// do. It counts as class invalid, or unavailable where the broker is busy.
func Refuse(code int, detail, remedy string) *Error {
	e := &Error{Code: code}
	e.Message = detail
	e.Data = &ErrorData{Class: e.classOf().Name(), Detail: detail, Remedy: remedy}
	return e
}

// invalid is what a request with parameters of the wrong shape is told. The
// decoder's own text is left out: it may quote a value.
func invalid(method string) *Error {
	return Refuse(CodeInvalidParams, "the parameters of "+method+" have the wrong shape", "see docs/BROKER.md")
}

// Params decodes the parameters of a request.
func Params(method string, raw json.RawMessage, into any) error {
	if len(raw) == 0 {
		raw = json.RawMessage("{}")
	}
	if raw[0] != '{' || Unmarshal(raw, into) != nil {
		return invalid(method)
	}
	return nil
}
