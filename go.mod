module github.com/kinring/kinring

go 1.26
