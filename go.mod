module github.com/kinring/kinring

go 1.26.0

require (
	github.com/pelletier/go-toml/v2 v2.4.3
	github.com/smallstep/pkcs7 v0.2.3
	golang.org/x/crypto v0.58.0
	howett.net/plist v1.0.1
)

require (
	github.com/blacktop/go-dwarf v1.1.0 // indirect
	github.com/blacktop/go-macho v1.1.296 // indirect
	go.yaml.in/yaml/v3 v3.0.6 // indirect
)
