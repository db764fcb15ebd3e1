package wire

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// Message is a request, a notification or a response.
type Message struct {
	// ID is the request's id as JSON: a number or a string. A notification has
	// none; a response to a request that could not be read has null.
	ID json.RawMessage
	// Method is empty in a response.
	Method string
	// Params are an object, or missing.
	Params json.RawMessage
	// Result and Err belong to a response: one of them is there.
	Result json.RawMessage
	Err    *Error
}

// IsRequest reports whether the message wants an answer.
func (m *Message) IsRequest() bool { return m.Method != "" && len(m.ID) > 0 }

// IsNotification reports whether the message wants none.
func (m *Message) IsNotification() bool { return m.Method != "" && len(m.ID) == 0 }

type envelope struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  *string         `json:"method"`
	Params  json.RawMessage `json:"params"`
	Result  json.RawMessage `json:"result"`
	Error   *Error          `json:"error"`
}

// Decode reads the JSON text of one message. The message's parts are its own: the
// text may be overwritten afterwards. An error says what to answer; the message
// then holds the id if it could be read.
func Decode(body []byte) (Message, *Error) {
	if !utf8.Valid(body) {
		// The decoder would put U+FFFD for each wrong byte, and one key in place of
		// another.
		return Message{}, Refuse(CodeParse, "the message is not UTF-8", "encode it as UTF-8")
	}
	if first := bytes.TrimLeft(body, " \t\r\n"); len(first) > 0 && first[0] == '[' {
		return Message{}, Refuse(CodeInvalidRequest, "batches are not supported", "send each request in a frame of its own")
	}
	if !surelyValid(body) && !json.Valid(body) {
		return Message{}, Refuse(CodeParse, "the message is no JSON-RPC object", "send one JSON-RPC 2.0 object in each frame")
	}
	own := bytes.Clone(body) // the message's parts are parts of it
	if e, ok := scanEnvelope(own); ok {
		return e.message()
	}
	defer clear(own) // it may hold a value
	var e envelope
	if err := json.Unmarshal(own, &e); err != nil {
		return Message{}, Refuse(CodeParse, "the message is no JSON-RPC object", "send one JSON-RPC 2.0 object in each frame")
	}
	return e.message()
}

func (e envelope) message() (Message, *Error) {
	m := Message{ID: e.ID, Params: e.Params, Result: e.Result, Err: e.Error}
	if !validID(e.ID) {
		m.ID = nil
		return m, Refuse(CodeInvalidRequest, "the id is neither a short string nor a number", "number the requests")
	}
	if e.JSONRPC != "2.0" {
		return m, Refuse(CodeInvalidRequest, "the message does not say jsonrpc 2.0", "send JSON-RPC 2.0")
	}
	if e.Method == nil {
		if (e.Error == nil) == (len(e.Result) == 0) || len(e.ID) == 0 {
			return m, Refuse(CodeInvalidRequest, "the message is neither a request nor a response", "send JSON-RPC 2.0")
		}
		return m, nil
	}
	m.Method = *e.Method
	if m.Method == "" || len(m.Method) > MaxMethod || string(e.ID) == "null" {
		return m, Refuse(CodeInvalidRequest, "the method's name is empty or too long, or the id is null", "send JSON-RPC 2.0")
	}
	return m, nil
}

// validID reports whether the id is missing, null, a number or a string, and not
// longer than allowed.
func validID(id json.RawMessage) bool {
	switch {
	case len(id) == 0 || string(id) == "null":
		return true
	case len(id) > MaxID:
		return false
	}
	return id[0] == '"' || id[0] == '-' || id[0] >= '0' && id[0] <= '9'
}

// null is the id of a response to what could not be read.
var null = json.RawMessage("null")

// Request returns the frame of a request, or of a notification if the id is empty.
func Request(id json.RawMessage, method string, params any) ([]byte, error) {
	return frameOf(sizeOf(params), func(buf []byte) ([]byte, error) {
		buf = append(buf, `{"jsonrpc":"2.0"`...)
		if len(id) > 0 {
			buf = append(append(buf, `,"id":`...), id...)
		}
		buf = append(append(append(buf, `,"method":"`...), method...), '"')
		if params == nil {
			return append(buf, '}'), nil
		}
		buf, err := appendJSON(append(buf, `,"params":`...), params)
		return append(buf, '}'), err
	})
}

// Response returns the frame of a response with a result.
func Response(id json.RawMessage, result any) ([]byte, error) {
	return frameOf(sizeOf(result), func(buf []byte) ([]byte, error) {
		buf = append(append(append(buf, `{"jsonrpc":"2.0","id":`...), id...), `,"result":`...)
		buf, err := appendJSON(buf, result)
		return append(buf, '}'), err
	})
}

// Failure returns the frame of a response with an error. An empty id stands for
// a request that could not be read.
func Failure(id json.RawMessage, e *Error) ([]byte, error) {
	if len(id) == 0 {
		id = null
	}
	return frameOf(256, func(buf []byte) ([]byte, error) {
		buf = append(append(append(buf, `{"jsonrpc":"2.0","id":`...), id...), `,"error":`...)
		text, err := json.Marshal(e)
		return append(append(buf, text...), '}'), err
	})
}

func appendJSON(buf []byte, v any) ([]byte, error) {
	if buf, fast := appendFast(buf, v); fast {
		return buf, nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return buf, err
	}
	buf = append(buf, text...)
	clear(text) // it may hold a value
	return buf, nil
}
