// fft: a fast Fourier transform of 2²⁰ complex numbers (Cooley and Tukey, radix 2, in place).
package main

import (
	"fmt"
	"math"
	"math/bits"
	"math/cmplx"
	"net/http"

	"paper/serve"
)

const order = 20

func transform(x []complex128) {
	n := len(x)
	for i := range x {
		j := int(bits.Reverse32(uint32(i)) >> (32 - order))
		if j > i {
			x[i], x[j] = x[j], x[i]
		}
	}
	roots := make([]complex128, n/2)
	for i := range roots {
		roots[i] = cmplx.Rect(1, -2*math.Pi*float64(i)/float64(n))
	}
	for half := 1; half < n; half *= 2 {
		stride := n / 2 / half
		for from := 0; from < n; from += 2 * half {
			for k := 0; k < half; k++ {
				a, b := x[from+k], x[from+k+half]*roots[k*stride]
				x[from+k], x[from+k+half] = a+b, a-b
			}
		}
	}
}

func main() {
	serve.Main(func(w http.ResponseWriter, r *http.Request) {
		x := make([]complex128, 1<<order)
		for i := range x {
			x[i] = complex(math.Sin(float64(i)), 0)
		}
		transform(x)
		fmt.Fprintf(w, "%.6f", cmplx.Abs(x[166886])) // near the frequency of sin(i): 2²⁰ / 2π
	})
}
