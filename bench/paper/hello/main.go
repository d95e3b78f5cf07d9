// hello does nothing but answer.
package main

import "paper/serve"

func main() { serve.Main(nil) }
