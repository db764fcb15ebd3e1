// Package tokenserver plays, for tests, a server whose refresh tokens are good
// for one use, and the program that uses them. There is one valid token at a
// time. Who presents it gets the next one; who presents one that was used
// before, or that never was, is refused. Nothing in it looks like a real token.
//
// Paths, fields and codes are those that Codex 0.169.0 and 0.145.0 send and
// understand, as observed.
package tokenserver

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// RefreshPath is where tokens are refreshed. Codex takes the whole URL from
// Variable.
const (
	RefreshPath = "/oauth/token"
	Variable    = "CODEX_REFRESH_TOKEN_URL_OVERRIDE"
)

// The codes of a refusal that Codex tells apart.
const (
	codeReused      = "refresh_token_reused"
	codeInvalidated = "refresh_token_invalidated"
)

// maxRequest bounds what a client may send, in bytes; Codex sends some 150.
const maxRequest = 64 << 10

// Options say how a server behaves. Life is how long access tokens live: Codex
// refreshes one that has less than five minutes left. Delay is how long a
// request is on its way before the server looks at it.
type Options struct {
	Life  time.Duration
	Delay time.Duration
	// Before is called for each request after the delay and before the server
	// looks at the token. It may block, to let something else happen first.
	Before func(Request)
	// Look is called when a request arrives and before it is answered; the log
	// keeps what it returned.
	Look func() string
}

// Request is one request to refresh a token.
type Request struct {
	Token string
	Agent string // its User-Agent
	Mark  string // what a client of this package was told to say of itself
}

// Event is a request that arrived, or was answered.
type Event struct {
	Request
	Answered bool   // else it arrived
	Granted  bool   // it was answered with new tokens
	Look     string // see Options
}

// Server is a token server. Serve it with Start.
type Server struct {
	options Options
	url     string

	mu    sync.Mutex
	valid int // the number of the one valid token
	seen  map[string]int
	log   []Event
}

// State is what the server tells to whoever asks.
type State struct {
	Valid string         `json:"valid"`
	Seen  map[string]int `json:"seen"` // how often each token was presented
}

// Start serves on a port of loopback until the test ends. The first valid token
// is Token(1).
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{options: o, url: "http://" + listener.Addr().String(), valid: 1, seen: map[string]int{}}
	server := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != http.ErrServerClosed {
			t.Error(err)
		}
	})
	return s
}

// URL returns the address of a path of the server.
func (s *Server) URL(path string) string { return s.url + path }

// State returns what GET returns.
func (s *Server) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return State{Token(s.valid), maps.Clone(s.seen)}
}

// Log returns all events in order.
func (s *Server) Log() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Event(nil), s.log...)
}

// ServeHTTP answers POST at RefreshPath and GET at the root. Everything else,
// such as what Codex asks its backend, is not found.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodPost && r.URL.Path == RefreshPath:
		s.refresh(w, r)
	case r.Method == http.MethodGet && r.URL.Path == "/":
		answer(w, http.StatusOK, s.State())
	default:
		answer(w, http.StatusNotFound, refusal("not_found"))
	}
}

func (s *Server) refresh(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Token string `json:"refresh_token"`
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err == nil {
		err = json.Unmarshal(text, &body)
	}
	if err != nil {
		answer(w, http.StatusBadRequest, refusal("invalid_request"))
		return
	}
	request := Request{Token: body.Token, Agent: r.UserAgent(), Mark: r.Header.Get(markHeader)}
	s.note(Event{Request: request})
	if s.travel(r, request) {
		s.judge(w, request)
	}
}

// travel lets the request be on its way, and reports whether its sender still
// waits for the answer.
func (s *Server) travel(r *http.Request, request Request) bool {
	way := time.NewTimer(s.options.Delay)
	defer way.Stop()
	select {
	case <-way.C:
	case <-r.Context().Done():
		return false
	}
	if s.options.Before != nil {
		s.options.Before(request)
	}
	return r.Context().Err() == nil
}

func (s *Server) judge(w http.ResponseWriter, request Request) {
	number, granted, used := s.present(request.Token)
	s.note(Event{Request: request, Answered: true, Granted: granted})
	switch {
	case granted:
		answer(w, http.StatusOK, s.issue(number))
	case used:
		answer(w, http.StatusUnauthorized, refusal(codeReused))
	default:
		answer(w, http.StatusUnauthorized, refusal(codeInvalidated))
	}
}

// present counts a token and uses it up if it is the valid one. It returns the
// number of the valid token afterwards.
func (s *Server) present(token string) (number int, granted, used bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[token]++
	if granted = token == Token(s.valid); granted {
		s.valid++
	}
	n := Number(token)
	return s.valid, granted, n > 0 && n < s.valid
}

// note adds an event to the log. What is looked at is looked at under the lock,
// so that the log's order is the order of the looks.
func (s *Server) note(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.options.Look != nil {
		e.Look = s.options.Look()
	}
	s.log = append(s.log, e)
}

// issued is the answer to a valid token.
type issued struct {
	ID      string `json:"id_token"`
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

func (s *Server) issue(number int) issued {
	return issued{
		ID: made("id", number, map[string]any{"https://api.openai.com/auth": map[string]string{
			"chatgpt_account_id": account, "chatgpt_user_id": "made-up-user"}}),
		Access:  made("access", number, map[string]any{"exp": time.Now().Add(s.options.Life).Unix()}),
		Refresh: Token(number),
	}
}

// made returns an unsigned token of three parts. The blank before the claims
// keeps the middle part from beginning like that of a real token.
func made(kind string, number int, claims map[string]any) string {
	text, err := json.Marshal(claims)
	if err != nil {
		panic(err) // cannot be: strings and numbers
	}
	middle := base64.RawURLEncoding.EncodeToString(append([]byte(" "), text...))
	return fmt.Sprintf("made-up-header.%s.made-up-%s-%d", middle, kind, number)
}

const tokenPrefix = "made-up-refresh-"

// Token returns the refresh token of a number.
func Token(number int) string { return tokenPrefix + strconv.Itoa(number) }

// Number returns the number of a refresh token, or 0 if it is none of a server's.
func Number(token string) int {
	digits, ok := strings.CutPrefix(token, tokenPrefix)
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < 1 || Token(n) != token {
		return 0
	}
	return n
}

type failure struct {
	Error struct {
		Message string `json:"message"`
		Code    string `json:"code"`
	} `json:"error"`
}

func refusal(code string) failure {
	var f failure
	f.Error.Message, f.Error.Code = "made up", code
	return f
}

func answer(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // cannot be: plain structures
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text) // the client may be gone; then nobody misses it
}
