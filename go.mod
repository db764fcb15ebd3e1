module github.com/kinring/kinring

go 1.26.0

require (
	github.com/smallstep/pkcs7 v0.2.3 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	howett.net/plist v1.0.1 // indirect
)
