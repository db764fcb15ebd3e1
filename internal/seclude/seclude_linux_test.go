package seclude

import (
	"net"
	"testing"
)

func TestOnlyLoopback(t *testing.T) {
	Test(t, func(t *testing.T) {
		all, err := net.Interfaces()
		if err != nil || len(all) != 1 || all[0].Flags&net.FlagLoopback == 0 || all[0].Flags&net.FlagUp == 0 {
			t.Fatalf("the interfaces are %v, %v", all, err)
		}
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		// An address that is set aside for documentation, RFC 5737.
		if conn, err := net.Dial("tcp", "192.0.2.1:80"); err == nil {
			conn.Close()
			t.Error("there is a way out")
		}
	})
}
