"""Each line of a file through the single-node stack, one after the other: python examples/single.py FILE"""

import argparse

import dist

if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("FILE", help="one datapoint a line")
    dist.main("single_node", 1, asked.parse_args().FILE)
