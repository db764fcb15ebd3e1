package main

import _ "github.com/kinring/kinring/backend/keychain"

const kind = "keychain"
