// read: a file of 50 MiB, into memory.
package main

import (
	"fmt"
	"net/http"
	"os"

	"paper/serve"
)

func main() {
	serve.Main(func(w http.ResponseWriter, r *http.Request) {
		data, err := os.ReadFile("data.bin")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, len(data), " ", data[len(data)-1])
	})
}
