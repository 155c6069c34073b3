"""An event-driven worker fleet for molecular machine learning on Apache Kafka."""

__version__ = "0.1.0"
