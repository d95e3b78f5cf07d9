// fib: the Fibonacci number of 10⁹, modulo 2⁶⁴, step by step.
package main

import (
	"fmt"
	"net/http"

	"paper/serve"
)

const index = 1_000_000_000

func fib(n int) uint64 {
	a, b := uint64(0), uint64(1)
	for ; n > 0; n-- {
		a, b = b, a+b
	}
	return a
}

func main() {
	serve.Main(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, fib(index)) })
}
