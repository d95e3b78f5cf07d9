// hello.go: a server as people write it, with the standard library and nothing else.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
)

var count int64

func main() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	http.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		body, err := io.ReadAll(r.Body)
		if err != nil {
			log.Print("body: ", err)
		}
		w.Write(body)
	})
	http.HandleFunc("/count", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, atomic.AddInt64(&count, 1)-1)
	})
	http.HandleFunc("/flush", func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i < 5; i++ {
			fmt.Fprintf(w, "part %d\n", i)
			w.(http.Flusher).Flush()
			time.Sleep(time.Millisecond)
		}
	})
	http.HandleFunc("/goroutines", func(w http.ResponseWriter, r *http.Request) {
		sum := make(chan int)
		for i := 0; i < 100; i++ {
			go func(n int) { sum <- n * n }(i)
		}
		total := 0
		for i := 0; i < 100; i++ {
			total += <-sum
		}
		runtime.GC()
		fmt.Fprint(w, total)
	})
	http.HandleFunc("/size", func(w http.ResponseWriter, r *http.Request) {
		n := 0
		fmt.Sscan(r.URL.Query().Get("n"), &n)
		fmt.Fprint(w, strings.Repeat("x", n))
	})
	http.HandleFunc("/panic", func(w http.ResponseWriter, r *http.Request) { panic("on purpose") })
	http.HandleFunc("/wait", func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		log.Print("the client went away")
	})
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello, %s %s", r.Method, r.URL)
	})
	log.Print("serving on ", port)
	log.Fatal(http.ListenAndServe(":"+port, nil))
}
