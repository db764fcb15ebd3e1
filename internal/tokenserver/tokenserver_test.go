package tokenserver

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func refresh(t *testing.T, s *Server, mark string, login []byte) ([]byte, error) {
	t.Helper()
	return Refresh(t.Context(), s.URL(RefreshPath), mark, login)
}

func TestTokensAreGoodForOneUse(t *testing.T) {
	s := Start(t, Options{Life: time.Minute})
	first := Login()
	second, err := refresh(t, s, "", first)
	if err != nil || RefreshToken(second) != Token(2) {
		t.Fatalf("the first use: %v, token %q", err, RefreshToken(second))
	}
	if _, err := refresh(t, s, "", first); err == nil || !strings.Contains(err.Error(), codeReused) {
		t.Errorf("the second use: %v", err)
	}
	if third, err := refresh(t, s, "", second); err != nil || RefreshToken(third) != Token(3) {
		t.Errorf("the new token: %v, token %q", err, RefreshToken(third))
	}
	stranger := bytes.Replace(first, []byte(Token(1)), []byte("made-up-stranger"), 1)
	if _, err := refresh(t, s, "", stranger); err == nil || !strings.Contains(err.Error(), codeInvalidated) {
		t.Errorf("a token that never was: %v", err)
	}
	if st := s.State(); st.Valid != Token(3) || st.Seen[Token(1)] != 2 || st.Seen[Token(2)] != 1 || st.Seen["made-up-stranger"] != 1 {
		t.Errorf("the state is %+v", st)
	}
}

// TestOnlyOneWins: of many who present one token at once, one gets the next.
func TestOnlyOneWins(t *testing.T) {
	const clients = 8
	var there sync.WaitGroup
	there.Add(clients)
	s := Start(t, Options{Before: func(Request) { there.Done(); there.Wait() }})
	results := make(chan error, clients)
	for range clients {
		go func() {
			_, err := Refresh(t.Context(), s.URL(RefreshPath), "", Login())
			results <- err
		}()
	}
	won := 0
	for range clients {
		if <-results == nil {
			won++
		}
	}
	if st := s.State(); won != 1 || st.Seen[Token(1)] != clients || st.Valid != Token(2) {
		t.Errorf("%d won; %+v", won, st)
	}
}

func TestLogTellsWhoAndWhatItSaw(t *testing.T) {
	looks := []string{"a", "b"}
	s := Start(t, Options{Delay: time.Millisecond, Look: func() string {
		l := looks[0]
		looks = looks[1:]
		return l
	}})
	if _, err := refresh(t, s, "7", Login()); err != nil {
		t.Fatal(err)
	}
	who := Request{Token: Token(1), Agent: Agent, Mark: "7"}
	want := []Event{{Request: who, Look: "a"}, {Request: who, Answered: true, Granted: true, Look: "b"}}
	if got := s.Log(); len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("the log is %+v", got)
	}
}

func TestOtherRequests(t *testing.T) {
	s := Start(t, Options{})
	for name, c := range map[string]struct {
		method, path, body string
		status             int
	}{
		"state":             {"GET", "/", "", http.StatusOK},
		"something else":    {"GET", "/v1/models", "", http.StatusNotFound},
		"a form":            {"POST", RefreshPath, "refresh_token=x", http.StatusBadRequest},
		"half a request":    {"POST", RefreshPath, `{"refresh_token":`, http.StatusBadRequest},
		"a token of a kind": {"POST", RefreshPath, `{"refresh_token":1}`, http.StatusBadRequest},
		"far too much":      {"POST", RefreshPath, `{"refresh_token":"` + strings.Repeat("x", maxRequest) + `"}`, http.StatusBadRequest},
		"no token":          {"POST", RefreshPath, `{}`, http.StatusUnauthorized},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, s.URL(c.path), strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != c.status || !json.Valid(text) {
			t.Errorf("%s: %d, %v, %s", name, response.StatusCode, err, text)
		}
	}
	if st := s.State(); st.Valid != Token(1) {
		t.Errorf("a wrong request used the token: %+v", st)
	}
}

// TestMainKeepsSilent: what a refused client prints would become the new login.
func TestMainKeepsSilent(t *testing.T) {
	s := Start(t, Options{})
	t.Setenv(Variable, s.URL(RefreshPath))
	var out, complaints bytes.Buffer
	if code := run(bytes.NewReader(Login()), &out, &complaints); code != 0 || RefreshToken(out.Bytes()) != Token(2) {
		t.Fatalf("exit %d: %s", code, complaints.String())
	}
	for name, in := range map[string]string{"used": string(Login()), "no login": "{}", "half": `{"tokens":`, "nothing": ""} {
		out.Reset()
		complaints.Reset()
		if code := run(strings.NewReader(in), &out, &complaints); code != 1 || out.Len() > 0 || complaints.Len() == 0 {
			t.Errorf("%s: exit %d, printed %q, said %q", name, code, out.String(), complaints.String())
		}
	}
	t.Setenv(Variable, "http://127.0.0.1:1/")
	if code := run(bytes.NewReader(Login()), &out, &complaints); code != 1 || out.Len() > 0 {
		t.Errorf("no server: exit %d, printed %q", code, out.String())
	}
}

func TestNumber(t *testing.T) {
	for token, want := range map[string]int{Token(1): 1, Token(70): 70, "": 0, "made-up-refresh-": 0, "made-up-refresh-01": 0, "made-up-refresh--1": 0, "x": 0} {
		if got := Number(token); got != want {
			t.Errorf("%q: %d", token, got)
		}
	}
}

// FuzzRefreshToken: whatever stands in a login file, a token is found or none.
func FuzzRefreshToken(f *testing.F) {
	f.Add(Login())
	f.Add([]byte(`{"tokens":{"refresh_token":"x"}}`))
	f.Add([]byte(`{"tokens":null}`))
	f.Add([]byte(`{"tokens":`))
	f.Fuzz(func(t *testing.T, text []byte) {
		token := RefreshToken(text)
		if token != "" && !json.Valid(text) {
			t.Errorf("a token in what is no JSON: %q", text)
		}
	})
}
