// A function for mayfly: an ordinary web server, which listens on $PORT.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
)

func greet(reply http.ResponseWriter, request *http.Request) {
	name := request.URL.Query().Get("name")
	if name == "" {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			http.Error(reply, err.Error(), http.StatusBadRequest)
			return
		}
		name = string(body)
	}
	if name == "" {
		name = os.Getenv("GREET")
	}
	fmt.Fprintf(reply, "hello, %s\n", name)
}

func main() {
	http.HandleFunc("/", greet)
	log.Fatal(http.ListenAndServe(":"+os.Getenv("PORT"), nil))
}
