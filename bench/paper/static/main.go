// static: a file of 50 MiB, or the range of it that is asked for, as the reply.
package main

import (
	"net/http"

	"paper/serve"
)

func main() {
	serve.Main(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, "data.bin") })
}
