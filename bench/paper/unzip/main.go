// unzip: the files of an archive, ten of 1 MiB, into memory.
package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"hash/crc32"
	"net/http"

	"paper/serve"
)

func unpack(name string) (uint32, error) {
	archive, err := zip.OpenReader(name)
	if err != nil {
		return 0, err
	}
	defer archive.Close()
	sum := uint32(0)
	for _, file := range archive.File {
		from, err := file.Open()
		if err != nil {
			return 0, err
		}
		var data bytes.Buffer
		if _, err = data.ReadFrom(from); err != nil {
			return 0, err
		}
		from.Close()
		sum = crc32.Update(sum, crc32.IEEETable, data.Bytes())
	}
	return sum, nil
}

func main() {
	serve.Main(func(w http.ResponseWriter, r *http.Request) {
		sum, err := unpack("archive.zip")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(w, "%08x", sum)
	})
}
