// alloc: 50 MiB of memory, every page of them written.
package main

import (
	"fmt"
	"net/http"

	"paper/serve"
)

const bytes = 50 << 20

func main() {
	serve.Main(func(w http.ResponseWriter, r *http.Request) {
		data := make([]byte, bytes)
		for at := 0; at < len(data); at += 4096 {
			data[at] = byte(at >> 12)
		}
		fmt.Fprint(w, len(data), " ", data[len(data)-4096])
	})
}
